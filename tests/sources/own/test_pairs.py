"""Own pairs: what is made of the fields of a row, and the lines that errors name."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.own.pairs import Seq2SeqExamples


def read(tmp_path, *rows, **fields) -> list[Example]:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Seq2SeqExamples(source="own-pairs", train=str(path), **fields).splits()["train"]


def test_context_and_id_may_be_left_out(tmp_path):
    whole = {"question": "q?", "answers": ["a", "b"], "context": "A passage.", "id": "own"}
    assert read(tmp_path, whole, {"question": "r?", "answers": "c", "context": None}) == [
        Example("own", "A passage.", "q?", "a", ("a", "b")),
        Example("train-2", "", "r?", "c", ("c",)),
    ]
    (only,) = read(tmp_path, whole, context_template=None, id_field=None)
    assert (only.id, only.context) == ("train-1", "")


def test_everything_is_made_of_fields(tmp_path):
    row = {
        "n": 7,
        "q": {"stem": "Which {one}?", "choices": ["x", "y"]},
        "facts": ["A.", "B."],
        "gold": "y",
        "others": ["Y", "y"],
        "score": 1.5,
    }
    fields = {
        "source_template": "{{{q.stem}}} {q.choices} at {score}",
        "context_template": "{facts}",
        "target_field": "gold",
        "answers_field": "others",
        "choices_field": "q.choices",
        "separator": " / ",
        "id_field": "n",
    }
    assert read(tmp_path, row, **fields) == [
        Example(
            id="7",
            context="A. / B.",
            source="{Which {one}?} x / y at 1.5",
            target="y",
            answers=("y", "Y"),
            choices=("x", "y"),
        )
    ]
    (only,) = read(tmp_path, row, source_template="{facts}", target_field="gold", separator="\n")
    assert (only.source, only.answers) == ("A.\nB.", ("y",))


def test_names_of_fields_are_names_and_no_code(tmp_path):
    row = {"#1 String!r:>9": "s", "answers": ["a"]}
    (only,) = read(tmp_path, row, source_template="{#1 String!r:>9}")
    assert only.source == "s"
    for field in ("question.__class__", "question[0]", "0", "answers.0"):
        with pytest.raises(ArtefactError, match=r"line 1: the field '.*' is missing among 'ques"):
            read(tmp_path, {"question": "q?", "answers": ["a"]}, source_template=f"{{{field}}}")


@pytest.mark.parametrize("template", ["{question", "question}", "{}", "{{question}}", "", "{a{b}}"])
def test_a_template_without_fields_or_with_a_lone_brace_is_refused(template):
    record = {"source": "own-pairs", "train": "a.csv", "source_template": template}
    with pytest.raises(ValidationError, match="brace"):
        TypeAdapter(Seq2SeqExamples).validate_python(record)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answers": ["a"]}, "'question' is missing among 'answers'"),
        ({"question": None, "answers": ["a"]}, "'question' does not hold a string"),
        ({"question": {}, "answers": ["a"]}, "'question' does not hold a string"),
        ({"question": " ", "answers": ["a"]}, r"'\{question\}' gives an empty source"),
        ({"question": ["q", "r"], "answers": ["a"]}, "holds a list: say by which `separator`"),
        ({"question": "q?"}, "'answers' is missing among 'question'"),
        ({"question": "q?", "answers": []}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a", " "]}, "'answers' is not a list"),
        ({"question": "q?", "answers": ""}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a"], "context": []}, "'context' holds a list"),
        ({"question": "q?", "answers": ["a", "\ud800"]}, "'answers' is not valid text"),
        ({"question": "\udfff?", "answers": ["a"]}, "'question' is not valid text"),
        ({"question": "q?", "answers": ["a"], "id": "\udfff"}, "'id' is not valid text"),
        ({"question": "q?", "answers": ["a"], "id": []}, "'id' does not hold a string"),
        (
            {"question": "q?", "answers": ["a"], "id": 3},
            r"'3' is the id in .*own\.jsonl, line 1, too; .* `id_field: null`",
        ),
    ],
)
def test_a_bad_pair_is_named(tmp_path, row, said):
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 2: .*{said}"):
        read(tmp_path, {"question": "q?", "answers": ["a"], "id": 3}, row)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target_field": "gold"}, "'gold' is missing"),
        ({"target_field": "blank"}, "'blank' is empty"),
        ({"id_field": "key"}, "'key' is missing"),
        ({"group_field": "article"}, "'article' is missing"),
        ({"cluster_field": "page"}, "'page' is missing"),
        ({"context_template": "{title}: {context}"}, "'title' is missing"),
        ({"choices_field": "options"}, "the answer 'a' is none of the choices x, y"),
        ({"choices_field": "question"}, "'question' is not a list"),
    ],
)
def test_a_field_that_was_asked_for_must_be_there(tmp_path, fields, said):
    row = {"question": "q?", "answers": ["a"], "options": ["x", "y"], "blank": " "}
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 1: .*{said}"):
        read(tmp_path, row, **fields)


def test_a_field_may_name_the_group_of_an_example(tmp_path):
    rows = [{"question": "q?", "answers": ["a"], "article": name} for name in ("x", 7, "")]
    assert [e.group for e in read(tmp_path, *rows, group_field="article")] == ["x", "7", ""]
    assert [e.group for e in read(tmp_path, *rows)] == ["", "", ""]


def test_a_field_may_name_the_cluster_of_an_example(tmp_path):
    rows = [{"question": "q?", "answers": ["a"], "page": name} for name in ("x", 7, "")]
    assert [e.cluster for e in read(tmp_path, *rows, cluster_field="page")] == ["x", "7", ""]
    assert [e.cluster for e in read(tmp_path, *rows)] == ["", "", ""]


def test_ids_of_several_files_may_not_repeat(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text("id,question,answers\n0,q?,a\n")
    files = {split: f"{tmp_path}/{split}.csv" for split in ("train", "test")}
    with pytest.raises(ArtefactError, match=r"test\.csv, line 2: '0' is the id in .*train\.csv"):
        Seq2SeqExamples(source="own-pairs", **files).splits()
    splits = Seq2SeqExamples(source="own-pairs", id_field=None, **files).splits()
    assert {split: [e.id for e in some] for split, some in splits.items()} == {
        "train": ["train-1"],
        "test": ["test-1"],
    }
