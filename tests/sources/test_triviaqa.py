"""TriviaQA: the value and its aliases, and files without answers."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.triviaqa import Seq2SeqExamples


def read(path, *items):
    path.write_text(json.dumps({"Data": items, "Domain": "unfiltered-web", "Version": 1.0}))
    return Seq2SeqExamples(source="triviaqa", train=str(path)).splits()["train"]


def item(name, **answer):
    return {"QuestionId": name, "Question": "Who?", "Answer": answer, "EntityPages": []}


def test_the_value_is_the_target_and_stands_once_among_its_aliases(tmp_path):
    normalised = {"NormalizedAliases": ["jean luc"], "NormalizedValue": "jean luc"}
    first = item("tc_1", Value="Jean-Luc", Aliases=["Luc", "Jean-Luc", "Luc"], **normalised)
    assert read(tmp_path / "wikipedia-dev.json", first, item("bt_2", Value="B", Aliases=[])) == [
        Example("tc_1", "", "Who?", "Jean-Luc", ("Jean-Luc", "Luc")),
        Example("bt_2", "", "Who?", "B", ("B",)),
    ]


def test_a_test_file_without_answers_is_refused(tmp_path):
    hidden = {"QuestionId": "tc_7", "Question": "Which?", "EntityPages": [], "SearchResults": []}
    with pytest.raises(ArtefactError, match=r"Data item 1: no 'Answer': a test file without answ"):
        read(tmp_path / "unfiltered-web-test-without-answers.json", hidden)


def test_an_answer_without_aliases_is_named_by_its_item(tmp_path):
    with pytest.raises(ArtefactError, match=r"dev\.json, Data item 1, Answer: the field 'Aliases'"):
        read(tmp_path / "dev.json", item("tc_1", Value="B"))
