"""DPR's biencoder files: the context of a question, and questions that have none."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.dpr_biencoder import Seq2SeqExamples


def read(tmp_path, *items):
    (tmp_path / "nq-train.json").write_text(json.dumps(items))
    source = Seq2SeqExamples(source="dpr-biencoder", train=str(tmp_path / "nq-train.json"))
    return source.splits()["train"]


def passages(*some):
    return {"question": "who?", "answers": ["Ann", "A"], "positive_ctxs": list(some)}


def test_the_first_positive_passage_is_the_context(tmp_path):
    first = {"title": "Ann", "text": "Ann was first.", "score": 1000, "psg_id": "7"}
    second = {"title": "Bob", "text": "Bob was not."}
    (example,) = read(tmp_path, passages(first, second) | {"dataset": "nq", "negative_ctxs": [1]})
    assert example == Example(
        "nq-train-1", "Ann. Ann was first.", "who?", "Ann", ("Ann", "A"), cluster="Ann"
    )
    for title in ({"title": None}, {"title": ""}, {}):
        (example,) = read(tmp_path, passages({"text": "Ann was first."} | title))
        assert (example.context, example.cluster) == ("Ann was first.", "")


def test_questions_without_one_stay_and_are_counted(tmp_path, capsys):
    bare = {"question": "how?", "answers": ["so"]}
    examples = read(tmp_path, passages({"text": "Ann."}), passages(), bare)
    assert [example.context for example in examples] == ["Ann.", "", ""]
    said = "nq-train.json: 2 of 3 examples have no positive passage, so no context"
    assert said in capsys.readouterr().err
    read(tmp_path, passages({"text": "Ann."}))
    assert capsys.readouterr().err == ""


def test_a_passage_without_text_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"item 1, positive_ctxs 1: the field 'text' is empty"):
        read(tmp_path, passages({"title": "Ann", "text": " "}))
