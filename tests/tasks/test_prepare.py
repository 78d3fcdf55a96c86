"""A task of either kind, as later stages find it."""

import json

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources import kilt
from maskpolicy.sources.base import SPLITS
from maskpolicy.sources.knowledge import index_pages
from maskpolicy.sources.own.labels import LabelledExamples
from maskpolicy.sources.own.pairs import Seq2SeqExamples
from maskpolicy.tasks.facts import Repeats, TaskFacts, read_task_facts
from maskpolicy.tasks.prepare import prepare_task
from maskpolicy.tasks.seq2seq import read_examples
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask


def jsonl(tmp_path, rows):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def questions(tmp_path, n=20):
    path = jsonl(tmp_path, [{"question": f"q{i}?", "answers": ["a"]} for i in range(n)])
    return Seq2SeqTask(examples=Seq2SeqExamples(source="own-pairs", train=path))


def labels(tmp_path, **fields):
    path = jsonl(tmp_path, [{"text": f"text {i}", "label": i % 2} for i in range(20)])
    return ClassificationTask(examples=LabelledExamples(source="own-labels", train=path), **fields)


def numbers(tmp_path):
    return labels(tmp_path, regression=True, metrics=("pearson",))


@pytest.mark.parametrize(
    ("make", "facts"),
    [
        (questions, TaskFacts(kind="seq2seq")),
        (labels, TaskFacts(kind="classification")),
        (numbers, TaskFacts(kind="classification", regression=True)),
    ],
)
def test_a_task_is_three_splits_and_a_manifest_that_says_its_kind(tmp_path, make, facts):
    for name in ("one", "two"):
        prepare_task(make(tmp_path), tmp_path / name)
    files = [*(f"{split}.arrow" for split in SPLITS), "manifest.json"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(files)
    for file in files:  # preparing again gives the same bytes
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert set(read_json(tmp_path / "one" / "manifest.json")["files"]) == set(files[:3])
    shares_nothing = Repeats(shared={"dev": 0, "test": 0})
    assert read_task_facts(tmp_path / "one") == facts.model_copy(update={"repeats": shares_nothing})


def test_a_task_that_can_not_be_prepared_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="the dev split would be empty"):
        prepare_task(questions(tmp_path, 1), tmp_path / "task")
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize("make", [questions, labels, numbers])
def test_drift_from_the_counts_of_a_paper_is_reported(tmp_path, capsys, make):
    task = make(tmp_path).model_copy(update={"expected": {"train": 14, "dev": 2000}})
    prepare_task(task, tmp_path / "task")
    drift = {"dev": {"examples": 2, "expected": 2000}}
    assert read_json(tmp_path / "task" / "manifest.json")["drift"] == drift
    told = capsys.readouterr().err
    assert told.startswith("task: drift: ") and told.endswith(
        "own.jsonl: 2 dev examples, not 2,000\n"
    )
    prepare_task(make(tmp_path), tmp_path / "task")
    assert "drift" not in read_json(tmp_path / "task" / "manifest.json")


def test_what_splits_share_is_said_under_the_name_of_the_task(tmp_path, capsys):
    path = jsonl(tmp_path, [{"question": f"q{i}?", "answers": ["a"]} for i in range(20)])
    again = Seq2SeqExamples(source="own-pairs", train=path, test=path)
    prepare_task(Seq2SeqTask(examples=again), tmp_path / "qa")
    assert capsys.readouterr().err.splitlines() == [
        "qa: 20 of 40 examples repeat another one",
        "qa: 20 of 20 test examples are in train or dev, too",
    ]


def test_contexts_stand_in_the_knowledge_that_a_task_names(tmp_path):
    evidence = [{"wikipedia_id": "1", "start_paragraph_id": 1}]
    rows = [
        {"id": f"{i}", "input": f"q{i}?", "output": [{"answer": "a", "provenance": evidence}]}
        for i in range(20)
    ]
    task = Seq2SeqTask(
        examples=kilt.Seq2SeqExamples(source="kilt", train=jsonl(tmp_path, rows), knowledge="pages")
    )
    with pytest.raises(InputError, match=r"examples\.knowledge: the index of 'pages' is not given"):
        prepare_task(task, tmp_path / "task")
    page = {"wikipedia_id": "1", "wikipedia_title": "Lake", "text": ["Lake\n", "It is deep.\n"]}
    (tmp_path / "pages.json").write_text(json.dumps(page))
    index_pages(tmp_path / "pages.json", tmp_path / "index.arrow")
    prepare_task(task, tmp_path / "task", tmp_path / "index.arrow")
    for split in SPLITS:
        contexts = {e.context for e in read_examples(tmp_path / "task" / f"{split}.arrow")}
        assert contexts == {"Lake. It is deep."}


def test_a_manifest_that_says_no_kind_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text('{"files": {}, "splits": {}}')
    with pytest.raises(ArtefactError, match=r"manifest\.json: kind: Field required"):
        read_task_facts(tmp_path)
