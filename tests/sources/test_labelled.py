"""JSON lines with labels: fields by name, a file for each split, and the lines that errors name."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.labelled import LabelledExamples


def labelled(path, rows, **fields):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LabelledExamples(source="labelled", train=str(path), **fields)


def test_labelled_texts_and_pairs(tmp_path):
    rows = [{"a": "One.", "b": "Two.", "gold": True}, {"a": "Three.", "b": "Four.", "gold": 3}]
    fields = {"text_field": "a", "label_field": "gold"}
    source = labelled(tmp_path / "own.jsonl", rows, **fields)
    assert source.splits()["train"] == [
        ClassificationExample("own-1", "One.", None, "True"),
        ClassificationExample("own-2", "Three.", None, "3"),
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


def test_a_split_that_has_a_file_is_that_file(tmp_path):
    rows = [{"text": "One.", "label": 1}]
    labelled(tmp_path / "dev.jsonl", rows)
    source = labelled(tmp_path / "train.jsonl", rows * 2, dev=str(tmp_path / "dev.jsonl"))
    assert {split: [e.id for e in some] for split, some in source.splits().items()} == {
        "train": ["train-1", "train-2"],
        "dev": ["dev-1"],
    }
    assert source.paths() == {split: f"{tmp_path}/{split}.jsonl" for split in ("train", "dev")}


@pytest.mark.parametrize("label", [None, float("nan"), ["a"], {}, "", "  "])
def test_what_is_no_label_is_refused_by_its_line(tmp_path, label):
    rows = [{"text": "One.", "label": "a"}, {"text": "Two.", "label": label}]
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 2: the field 'label'"):
        labelled(tmp_path / "own.jsonl", rows).splits()


def test_a_label_has_one_spelling(tmp_path):
    rows = [{"text": "One.", "label": label} for label in (1, 1.0, "1 ", "1")]
    examples = labelled(tmp_path / "own.jsonl", rows).splits()["train"]
    assert {example.label for example in examples} == {"1"}


def test_a_field_may_name_the_group_of_an_example(tmp_path):
    rows = [{"text": "One.", "label": 1, "author": 3}, {"text": "Two.", "label": 0, "author": "b"}]
    source = labelled(tmp_path / "own.jsonl", rows, group_field="author")
    assert [example.group for example in source.splits()["train"]] == ["3", "b"]
