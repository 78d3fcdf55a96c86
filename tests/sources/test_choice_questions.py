"""Questions with choices: what they must hold, and the answer that one of them is."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import JsonObject
from maskpolicy.sources.choice_questions import chosen, read_choice_question

A, B = {"label": "A", "text": "up "}, {"label": "B", "text": "down"}


def record(**fields):
    return JsonObject("dev.jsonl, line 1", 1, fields)


def test_choices_keep_their_order_and_labels():
    question = read_choice_question(record(stem="Which way?", choices=[B, A]))
    assert question.asked_of("It rose.") == "Which way?\n(B) down (A) up\nIt rose."
    assert chosen(question, record(key="A"), "key") == "up"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ([A], "line 1: fewer than two choices"),
        ([A, A], "line 1, choices 2: the label 'A' is that of another choice"),
        ([A, {"label": "B", "text": ""}], "line 1, choices 2: the field 'text' is empty"),
        ([A, "B"], "line 1, choices 2: not a JSON object"),
    ],
)
def test_choices_that_are_none_are_refused(choices, said):
    with pytest.raises(ArtefactError, match=said):
        read_choice_question(record(stem="Which way?", choices=choices))


def test_an_answer_that_no_choice_is_is_refused():
    question = read_choice_question(record(stem="Which way?", choices=[A, B]))
    with pytest.raises(ArtefactError, match="line 1: 'key' is 'C', which none of the choices A, B"):
        chosen(question, record(key="C"), "key")
    with pytest.raises(ArtefactError, match="line 1: no 'key': a test file without answers"):
        chosen(question, record(), "key")
