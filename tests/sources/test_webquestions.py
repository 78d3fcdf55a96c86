"""WebQuestions: both forms, and the list in LISP with the quotation marks that it has."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.webquestions import Seq2SeqExamples


def read(path, *items):
    path.write_text(json.dumps(items))
    return Seq2SeqExamples(source="webquestions", train=str(path)).splits()["train"]


def released(value):
    return {"url": "http://x", "utterance": "who?", "targetValue": value}


def test_both_forms_are_recognised_by_their_fields(tmp_path):
    value = '(list (description "Ann Lee") (description Bob))'
    (first,) = read(tmp_path / "webquestions.examples.test.json", released(value))
    assert first == Example(
        "webquestions.examples.test-1",
        "",
        "who?",
        "Ann Lee",
        ("Ann Lee", "Bob"),
        cluster="http://x",
    )
    mirror = {"qId": "wqs000000", "qText": "who?", "answers": ["Ann Lee", "Bob"]}
    (second,) = read(tmp_path / "test.json", mirror)
    assert second == Example("wqs000000", "", "who?", "Ann Lee", ("Ann Lee", "Bob"))


def test_a_question_without_a_page_has_no_cluster(tmp_path):
    for url in ({"url": None}, {}):
        item = {"utterance": "who?", "targetValue": "(list (description Bob))"} | url
        assert read(tmp_path / "a.json", item)[0].cluster == ""


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        ("(list (description UTC+8))", ["UTC+8"]),
        ("(list\n  (description 3/4/1841)\n  (description B)\n)", ["3/4/1841", "B"]),
        ('(list (description "Songs (live)") (description B))', ["Songs (live)", "B"]),
        # As LispTree of SEMPRE writes them.
        (r'(list (description "the \"B\" \\ \n side"))', ['the "B" \\ \n side']),
        (r"(list (description \"B\"))", ['"B"']),
        # The release has quotation marks that are not escaped.
        ('(list (description ""Hope" is it") (description B))', ['"Hope" is it', "B"]),
        ('(list (description ""All of it.""))', ['"All of it."']),
        ('(list (description "A ("B?"): C / D") (description "E"))', ['A ("B?"): C / D', "E"]),
    ],
)
def test_descriptions(tmp_path, value, answers):
    (example,) = read(tmp_path / "train.json", released(value))
    assert list(example.answers) == answers


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("(list)", r"not of the form .* from character 6"),
        ("(description A)", "not of the form"),
        ("(list (description New York))", "from character 6"),
        ("(list (description A) (name B))", "from character 6"),
        ('(list (description "A) (description B))', "not of the form"),
        ("(list (description A)", "not of the form"),
        ("(list (description A)))", "not of the form"),
        ('(list (description ""))', "an empty description"),
        ("(list (description " + "(" * 100_000, "not of the form"),
        ('(list (description "' + '") ' * 50_000, "not of the form"),
    ],
)
def test_another_list_is_refused_by_its_item(tmp_path, value, said):
    with pytest.raises(ArtefactError, match=rf"train\.json, item 2: 'targetValue' .*{said}"):
        read(tmp_path / "train.json", released("(list (description A))"), released(value))


def test_an_item_of_neither_form_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match=r"train\.json, item 1: neither 'targetValue' nor 'qT"):
        read(tmp_path / "train.json", {"question": "who?"})
