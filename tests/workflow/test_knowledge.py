"""A knowledge source is indexed once, and what its contexts stand in is looked up there."""

import json

from support.study_folder import StudyFolder, write_jsonl

from maskpolicy.tasks.seq2seq import read_examples

PREPARED = "results/study/tasks/wow/manifest.json"


def test_contexts_are_looked_up_in_an_index(tmp_path):
    pages = [
        {"wikipedia_id": f"{i}", "wikipedia_title": f"P{i}", "text": [f"P{i}\n", f"Text {i}.\n"]}
        for i in range(20)
    ]
    write_jsonl(tmp_path / "pages.json", pages)
    evidence = [{"answer": "a", "provenance": [{"wikipedia_id": f"{i}"}]} for i in range(20)]
    rows = [{"id": f"{i}", "input": f"q{i}", "output": [evidence[i]]} for i in range(20)]
    write_jsonl(tmp_path / "wow.jsonl", rows)
    documents = {
        "source": "own-documents",
        "path": "pages.json",
        "format": "jsonl",
        "text_field": "wikipedia_title",
    }
    study = StudyFolder(
        tmp_path,
        {
            "corpora": {"pages": {"documents": documents, "sequence_length": 16}},
            "tokenizers": {"released": {"pretrained": "./released"}},
            "models": {"bart": {"tokenizer": "released", "pretrained": "./released"}},
            "policies": {"rand": {"decide": {"kind": "rand"}}},
            "knowledge": {"kilt": {"path": "pages.json"}},
            "tasks": {
                "wow": {
                    "examples": {"source": "kilt", "train": "wow.jsonl", "knowledge": "kilt"},
                }
            },
        },
    )
    done = study.snakemake("--cores", "1", "--", PREPARED)
    assert done.returncode == 0, done.stdout + done.stderr
    examples = read_examples(study.results / "tasks" / "wow" / "train.arrow")
    assert examples and all(e.context == f"P{e.id}. Text {e.id}." for e in examples)
    assert study.planned("--", PREPARED) == set()
    file = tmp_path / "pages.json"
    whole = file.read_bytes()
    file.write_bytes(whole)  # touched
    assert study.planned("--", PREPARED) == set()
    file.write_bytes(whole + json.dumps(pages[0] | {"wikipedia_id": "20"}).encode())
    assert study.planned("--", PREPARED) == {"index_knowledge", "prepare_task"}
    file.unlink()
    started = study.snakemake("--cores", "1", "--", PREPARED)
    assert "knowledge.kilt.path: no file or folder 'pages.json'" in started.stdout + started.stderr
    assert started.returncode != 0
