"""Own labels: fields by name, a file for each split, and the lines that errors name."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.own.labels import LabelledExamples


def labelled(path, rows, **fields):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LabelledExamples(source="own-labels", train=str(path), **fields)


def test_labelled_texts_and_pairs(tmp_path):
    rows = [{"a": "One.", "b": "Two.", "gold": True}, {"a": "Three.", "b": "Four.", "gold": 3}]
    fields = {"text_field": "a", "label_field": "gold"}
    source = labelled(tmp_path / "own.jsonl", rows, **fields)
    assert source.splits()["train"] == [
        ClassificationExample("train-1", "One.", None, "True"),
        ClassificationExample("train-2", "Three.", None, "3"),
    ]
    source = labelled(tmp_path / "own.jsonl", rows, pair_field="b", **fields)
    assert [(e.text, e.pair) for e in source.splits()["train"]] == [
        ("One.", "Two."),
        ("Three.", "Four."),
    ]
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 1: the field 'label' is missing"):
        labelled(tmp_path / "own.jsonl", rows, text_field="a").splits()
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 1: the field 'gold' does not hold"):
        labelled(tmp_path / "own.jsonl", rows, text_field="gold").splits()


def test_a_text_is_not_empty_unless_a_pair_has_one(tmp_path):
    rows = [{"text": "One.", "pair": "", "label": 1}, {"text": " ", "pair": "Two.", "label": 1}]
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 2: the field 'text' is empty"):
        labelled(tmp_path / "own.jsonl", rows).splits()
    assert len(labelled(tmp_path / "own.jsonl", rows, pair_field="pair").splits()["train"]) == 2


def test_a_split_that_has_files_is_these_files(tmp_path):
    rows = [{"text": "One.", "label": 1}]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        labelled(tmp_path / name / "data.jsonl", rows)
    source = labelled(tmp_path / "train.jsonl", rows * 2, dev=f"{tmp_path}/*/data.jsonl")
    assert {split: [e.id for e in some] for split, some in source.splits().items()} == {
        "train": ["train-1", "train-2"],
        "dev": ["dev-1", "dev-2"],
    }
    assert source.paths() == {"train": f"{tmp_path}/train.jsonl", "dev": source.dev}
    with pytest.raises(ArtefactError, match=r"no file matches '.*none-\*\.csv'"):
        source.model_copy(update={"dev": f"{tmp_path}/none-*.csv"}).splits()


def test_the_format_may_be_said_where_the_ending_does_not(tmp_path):
    source = labelled(tmp_path / "train.txt", [{"text": "One.", "label": 1}], format="jsonl")
    assert [example.text for example in source.splits()["train"]] == ["One."]
    with pytest.raises(ValidationError, match=r"train\.txt' ends in none .* give `format`"):
        LabelledExamples(source="own-labels", train=source.train)


@pytest.mark.parametrize("label", [None, float("nan"), float("inf"), ["a"], {}, "", "  "])
def test_what_is_no_label_is_refused_by_its_line(tmp_path, label):
    rows = [{"text": "One.", "label": "a"}, {"text": "Two.", "label": label}]
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 2: the field 'label'"):
        labelled(tmp_path / "own.jsonl", rows).splits()


def test_a_label_has_one_spelling(tmp_path):
    rows = [{"text": "One.", "label": label} for label in (1, 1.0, "1 ", "1")]
    examples = labelled(tmp_path / "own.jsonl", rows).splits()["train"]
    assert {example.label for example in examples} == {"1"}


def test_fields_may_be_those_of_objects(tmp_path):
    rows = [
        {"text": "One.", "meta": {"section": "Intro", "author": 3}},
        {"text": "Two.", "meta": {"section": "Method", "author": "b"}, "meta.section": "its own"},
    ]
    fields = {"label_field": "meta.section", "group_field": "meta.author"}
    fields["cluster_field"] = "text"
    examples = labelled(tmp_path / "own.jsonl", rows, **fields).splits()["train"]
    assert [(e.label, e.group) for e in examples] == [("Intro", "3"), ("its own", "b")]
    assert [e.cluster for e in examples] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([1, 2]), "'text' does not hold a string"),
        (pa.array([b"a", b"b"]), "'text' does not hold a string"),
        (pa.array([None, "b"]), "'text' does not hold a string"),
    ],
)
def test_wrong_types_of_parquet_are_named_by_their_row(tmp_path, column, said):
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table({"text": column, "label": [0.5, 1.0]}), path)
    source = LabelledExamples(source="own-labels", train=str(path))
    with pytest.raises(ArtefactError, match=rf"own\.parquet, row 1: the field {said}"):
        source.splits()
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0.5, 1.0]}), path)
    assert [example.label for example in source.splits()["train"]] == ["0.5", "1"]
