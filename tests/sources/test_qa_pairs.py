"""Own questions: what may be left out, and the lines that errors name."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.qa_pairs import Seq2SeqExamples


def read(tmp_path, *values) -> list[Example]:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return Seq2SeqExamples(source="qa-pairs", path=str(path)).splits()["train"]


def test_context_and_id_may_be_left_out(tmp_path):
    whole = {"question": "q?", "answers": ["a", "b"], "context": "A passage.", "id": "own"}
    assert read(tmp_path, whole, {"question": "r?", "answers": ["c"]}) == [
        Example("own", "A passage.", "q?", "a", ("a", "b")),
        Example("2", "", "r?", "c", ("c",)),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"answers": ["a"]}, "'question' is missing"),
        ({"question": 3, "answers": ["a"]}, "'question' does not hold a string"),
        ({"question": "q?"}, "'answers' is not a list of at least one string"),
        ({"question": "q?", "answers": []}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a", " "]}, "'answers' is not a list"),
        ({"question": "q?", "answers": "a"}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a"], "context": 1}, "'context' does not hold a string"),
        ({"question": "q?", "answers": ["a", "\ud800"]}, "'answers' is not valid text"),
        ({"question": "\udfff?", "answers": ["a"]}, "'question' is not valid text"),
        ({"question": "q?", "answers": ["a"], "id": "\udfff"}, "'id' is not valid text"),
    ],
)
def test_a_bad_pair_is_named(tmp_path, value, said):
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 2: .*{said}"):
        read(tmp_path, {"question": "q?", "answers": ["a"]}, value)


def test_a_field_may_name_the_group_of_an_example(tmp_path):
    rows = [{"question": "q?", "answers": ["a"], "article": name} for name in ("x", 7, "")]
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = Seq2SeqExamples(source="qa-pairs", path=str(path), group_field="article")
    assert [example.group for example in source.splits()["train"]] == ["x", "7", ""]
    assert [example.group for example in read(tmp_path, *rows)] == ["", "", ""]
    path.write_text(json.dumps({"question": "q?", "answers": ["a"]}) + "\n")
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 1: the field 'article' is missing"):
        source.splits()
