import subprocess
import sys

import pytest
import spacy

from maskpolicy.arrow_files import read_table, write_batches
from maskpolicy.artefacts import read_json, write_manifest
from maskpolicy.corpora.annotation import annotate_shard, load_spacy, place_tokens
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.shards import (
    ANNOTATION_SCHEMA,
    ENTITY_LABELS,
    PARTS_OF_SPEECH,
    SALIENT_LABELS,
)
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.training.ownership import owned


@pytest.fixture(scope="module")
def annotated(documents, tokenizer_folder, tmp_path_factory) -> list[tuple[dict, dict]]:
    """Rows of tokens beside their annotations."""
    folder = tmp_path_factory.mktemp("annotated")
    shard, output = folder / "shard-0.arrow", folder / "annotations" / "shard-0.arrow"
    shard_corpus(documents, tokenizer_folder, shard, sequence_length=48)
    annotate_shard(shard, documents, tokenizer_folder, output, state=output.with_name("state"))
    manifest = read_json(output.with_suffix(".json"))
    rows = read_table(output).to_pylist()
    assert manifest["rows"] == len(rows)
    assert manifest["entities"] == sum(len(row["entities"]) for row in rows)
    assert "core_web_sm" in manifest["spacy"]
    return list(zip(read_table(shard).to_pylist(), rows, strict=True))


def test_annotations_stand_row_for_row_beside_the_tokens(annotated):
    for tokens, annotation in annotated:
        assert tokens["row"] == annotation["row"]
        assert len(annotation["part_of_speech"]) == len(tokens["input_ids"])


def test_entities_are_spans_of_tokens_in_order(annotated):
    for tokens, annotation in annotated:
        ends = [0]
        for entity in annotation["entities"]:
            assert ends[-1] <= entity["start"] < entity["end"] <= len(tokens["input_ids"])
            ends.append(entity["end"])


def test_names_and_dates_are_found_with_whole_words(annotated, tokenizer):
    found = {
        (tokenizer.decode(tokens["input_ids"][e["start"] : e["end"]]), ENTITY_LABELS[e["label"]])
        for tokens, annotation in annotated
        for e in annotation["entities"]
    }
    assert {
        ("Kenya", "GPE"),
        ("1895", "DATE"),
        ("Jomo KENYATTA", "PERSON"),
        ("1 May 2019", "DATE"),
    } <= found


def test_every_token_of_a_word_has_its_part_of_speech(annotated, tokenizer):
    tags = {}
    for tokens, annotation in annotated:
        starts = [i for i, begins in enumerate(tokens["word_start"]) if begins]
        for a, b in zip(starts, [*starts[1:], len(tokens["input_ids"])], strict=True):
            word = tokenizer.decode(tokens["input_ids"][a:b])
            if word.isalpha():
                tags[word] = {PARTS_OF_SPEECH[i] for i in annotation["part_of_speech"][a:b]}
    assert tags["Kenya"] == {"PROPN"}
    assert tags["Protectorate"] == {"PROPN"}
    assert tags["death"] == {"NOUN"}
    assert tags["established"] == {"VERB"}


def test_a_shard_of_another_tokenizer_is_refused(documents, tokenizer_folder, tmp_path):
    shard_corpus(documents, tokenizer_folder, tmp_path / "shard-0.arrow", sequence_length=48)
    spec = TrainedTokenizer(train_on=("own",), vocabulary_size=320)
    train_tokenizer([documents], spec, tmp_path / "other")
    assert load_tokenizer(tmp_path / "other").vocabulary_size == 320
    with pytest.raises(
        ArtefactError, match=r"shard-0\.arrow was made from other documents or with"
    ):
        annotate_shard(
            *(tmp_path / "shard-0.arrow", documents, tmp_path / "other", tmp_path / "out.arrow"),
            state=tmp_path / "state",
        )
    assert not (tmp_path / "out.arrow").exists()


def test_a_shard_of_other_documents_is_refused(
    documents, write_documents, tokenizer_folder, tmp_path
):
    shard_corpus(documents, tokenizer_folder, tmp_path / "shard-0.arrow", sequence_length=48)
    own = write_documents(tmp_path / "own.arrow", [("Kenya", "One document.")])
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow was made from other documents"):
        annotate_shard(
            *(tmp_path / "shard-0.arrow", own, tokenizer_folder, tmp_path / "out.arrow"),
            state=tmp_path / "state",
        )


WHITE = {
    "shorter than a row": " " * 9,
    "longer than a row": "\n" * 40,
    "longer than a batch of rows": " " * 5000 + "\n" * 300_000,
}


@pytest.mark.parametrize("white", WHITE.values(), ids=WHITE)
def test_a_run_of_white_space_is_no_row(
    write_documents, tokenizer_folder, tokenizer, tmp_path, white
):
    texts = [("Chad", f"Hot and dry.{white}In 1960 it was flat."), ("", f"{white}In 1960.{white}")]
    documents = write_documents(tmp_path / "own.arrow", texts)
    shard, output = tmp_path / "shard-0.arrow", tmp_path / "annotations" / "shard-0.arrow"
    shard_corpus(documents, tokenizer_folder, shard, sequence_length=16)
    annotate_shard(shard, documents, tokenizer_folder, output, state=output.with_name("state"))
    rows, annotations = read_table(shard).to_pylist(), read_table(output).to_pylist()
    assert all(row["begin"] < row["end"] for row in rows)
    assert len(rows) < 10
    entities = [
        tokenizer.decode(row["input_ids"][entity["start"] : entity["end"]])
        for row, annotation in zip(rows, annotations, strict=True)
        for entity in annotation["entities"]
        if entity["label"] == ENTITY_LABELS.index("DATE")
    ]
    assert entities == ["1960", "1960"]


def test_a_row_of_over_a_million_characters_is_annotated(
    write_documents, wordpiece_folder, tmp_path
):
    texts = [("", f"the film is {'x' * 1_000_001} and funny.")]
    documents = write_documents(tmp_path / "own.arrow", texts)
    shard, output = tmp_path / "shard-0.arrow", tmp_path / "annotations" / "shard-0.arrow"
    shard_corpus(documents, wordpiece_folder, shard, sequence_length=16)
    annotate_shard(shard, documents, wordpiece_folder, output, state=tmp_path / "state")
    (row,), (annotation,) = read_table(shard).to_pylist(), read_table(output).to_pylist()
    assert row["end"] - row["begin"] == len(texts[0][1])
    assert len(annotation["part_of_speech"]) == len(row["input_ids"])
    assert PARTS_OF_SPEECH[annotation["part_of_speech"][0]] == "DET"


@pytest.fixture
def batches(documents, tokenizer_folder, tmp_path) -> tuple:
    """A shard of several record batches, its documents and its tokenizer."""
    whole, shard = tmp_path / "whole.arrow", tmp_path / "shard-0.arrow"
    shard_corpus(documents, tokenizer_folder, whole, sequence_length=16)
    table = read_table(whole)
    assert len(table) >= 4
    with write_batches(shard, table.schema) as writer:
        for batch in table.combine_chunks().to_batches(max_chunksize=len(table) // 3):
            writer.write_batch(batch)
    return shard, documents, tokenizer_folder


def test_several_processes_write_the_same_file_and_leave_no_state(batches, tmp_path):
    made = []
    for processes in (1, 2):
        output, state = tmp_path / f"{processes}/shard-0.arrow", tmp_path / "states" / "0"
        annotate_shard(*batches, output, state=state, processes=processes)
        made.append([file.read_bytes() for file in (output, output.with_suffix(".json"))])
        assert not state.exists()
    assert made[0] == made[1]


def test_an_interrupted_job_annotates_the_batches_that_are_missing(batches, tmp_path, monkeypatch):
    state, output = tmp_path / "state", tmp_path / "out.arrow"
    annotate_shard(*batches, tmp_path / "undisturbed.arrow", state=tmp_path / "other")
    placed = []

    def interrupted(shard, batch, *read):
        placed.append(batch["row"][0].as_py())
        if len(placed) == 3:
            raise KeyboardInterrupt
        return place_tokens(shard, batch, *read)

    monkeypatch.setattr("maskpolicy.corpora.annotation.place_tokens", interrupted)
    with pytest.raises(KeyboardInterrupt):
        annotate_shard(*batches, output, state=state)
    assert not output.exists()
    annotate_shard(*batches, output, state=state)
    assert len(placed) == len(set(placed)) + 1, "but for the one that was interrupted, none twice"
    assert output.read_bytes() == (tmp_path / "undisturbed.arrow").read_bytes()
    facts, undisturbed = (read_json(tmp_path / f"{n}.json") for n in ("out", "undisturbed"))
    assert facts.pop("files").popitem()[1] == undisturbed.pop("files").popitem()[1]
    assert facts == undisturbed


def test_a_job_submitted_again_waits_for_the_first_and_keeps_what_it_made(batches, tmp_path):
    shard, documents, tokenizer = batches
    state, output = tmp_path / "states" / "0", tmp_path / "out" / "shard-0.arrow"
    command = [sys.executable, "-m", "maskpolicy.cli", "annotate-shard", "--shard", shard]
    command += ["--documents", documents, "--tokenizer", tokenizer]
    command += ["--state", state, "--output", output]
    with owned(state):  # as the first, whose node was taken for dead
        again = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert again.stderr.readline().startswith("waiting for ")
        annotate_shard(*batches, output, state=state)
        made = output.stat().st_mtime_ns
    said = again.communicate(timeout=120)[1]
    assert again.returncode == 0, said
    assert "its annotations are there, and kept" in said
    assert output.stat().st_mtime_ns == made
    assert not list(state.parent.iterdir())


def test_annotations_of_another_shard_are_not_kept(batches, tokenizer_folder, tmp_path):
    shard, documents, _ = batches
    output, whole = tmp_path / "out.arrow", tmp_path / "whole.arrow"
    for each in (shard, whole):  # the same rows in other batches
        annotate_shard(each, documents, tokenizer_folder, output, state=tmp_path / "state")
    annotate_shard(whole, *batches[1:], tmp_path / "own.arrow", state=tmp_path / "state")
    assert output.read_bytes() == (tmp_path / "own.arrow").read_bytes()


def test_what_was_kept_of_another_shard_is_annotated_anew(batches, tmp_path):
    shard, *read = batches
    state, output = tmp_path / "state", tmp_path / "out.arrow"
    annotate_shard(shard, *read, tmp_path / "undisturbed.arrow", state=tmp_path / "other")
    state.mkdir()
    with write_batches(state / "batch-0.arrow", ANNOTATION_SCHEMA):
        pass
    facts = {"fingerprint": "of another", "entities": 7, "pattern_dates": 0, "dropped": 0}
    write_manifest(state / "batch-0.json", [state / "batch-0.arrow"], **facts)
    annotate_shard(shard, *read, output, state=state)
    assert output.read_bytes() == (tmp_path / "undisturbed.arrow").read_bytes()


def test_a_missing_model_is_named():
    with pytest.raises(ArtefactError, match="no_such_model is not installed: pip install"):
        load_spacy("no_such_model")


def test_numbers_are_not_salient():
    assert {"PERSON", "GPE", "DATE"} <= set(SALIENT_LABELS) < set(ENTITY_LABELS)
    assert not {"CARDINAL", "PERCENT", "QUANTITY", "MONEY", "ORDINAL", "TIME"} & set(SALIENT_LABELS)


def annotated_entities(documents, tokenizer_folder, folder, patterns) -> tuple[list[list], dict]:
    """(text, label) of each row's entities, in order, found by patterns instead of a NER model."""
    language = spacy.blank("en")
    if patterns:
        language.add_pipe("entity_ruler").add_patterns(patterns)
    language.to_disk(folder / "rules")
    shard, output = folder / "shard-0.arrow", folder / "annotations.arrow"
    shard_corpus(documents, tokenizer_folder, shard, sequence_length=48)
    rules = str(folder / "rules")
    state = folder / "state"
    annotate_shard(shard, documents, tokenizer_folder, output, state=state, spacy_model=rules)
    tokenizer = load_tokenizer(tokenizer_folder)
    rows = zip(read_table(shard).to_pylist(), read_table(output).to_pylist(), strict=True)
    found = [
        [
            (
                tokenizer.decode(tokens["input_ids"][e["start"] : e["end"]]),
                ENTITY_LABELS[e["label"]],
            )
            for e in annotation["entities"]
        ]
        for tokens, annotation in rows
    ]
    return [row for row in found if row], read_json(output.with_suffix(".json"))


def test_dates_need_no_model(documents, tokenizer_folder, tmp_path):
    found, manifest = annotated_entities(documents, tokenizer_folder, tmp_path, [])
    dates = ["1895", "1963", "1978", "1 May 2019"]
    assert [entity for row in found for entity in row] == [(date, "DATE") for date in dates]
    assert manifest["entities"] == manifest["pattern_dates"] == len(dates)
    assert manifest["dropped"] == 0


def test_dates_stand_in_order_and_yield_to_any_entity(documents, tokenizer_folder, tmp_path):
    patterns = [
        {"label": "PERSON", "pattern": "British"},
        {"label": "GPE", "pattern": "Kenya"},
        {"label": "CARDINAL", "pattern": "1963"},
        {"label": "CARDINAL", "pattern": "May"},
        {"label": "NO_SUCH_LABEL", "pattern": "1978"},
    ]
    found, manifest = annotated_entities(documents, tokenizer_folder, tmp_path, patterns)
    entities = [entity for row in found for entity in row if entity != ("Kenya", "GPE")]
    assert entities == [
        *(("1895", "DATE"), ("British", "PERSON")),
        *(("1963", "CARDINAL"), ("May", "CARDINAL")),
    ]
    assert manifest["pattern_dates"] == 1
    assert manifest["dropped"] == 1
