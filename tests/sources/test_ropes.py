"""ROPES: background and situation in source and context, and what stays in one split."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.ropes import Seq2SeqExamples


def read(tmp_path, *paragraphs):
    document = {"version": "1.0", "data": [{"title": "ropes", "paragraphs": paragraphs}]}
    (tmp_path / "train-v1.0.json").write_text(json.dumps(document))
    source = Seq2SeqExamples(source="ropes", train=str(tmp_path / "train-v1.0.json"))
    return source.splits()["train"]


def paragraph(situation, *questions):
    return {"background": "Salt melts ice.", "situation": situation, "qas": list(questions)}


def test_question_situation_and_background_in_this_order(tmp_path):
    answers = [{"text": "cup A"}, {"text": "A"}]
    first = {"id": "7", "question": "Which melts?", "answers": answers}
    second = {"id": "8", "question": "Which not?", "answers": [{"text": "cup B"}]}
    other = {"id": "9", "question": "Which?", "answers": [{"text": "road C"}]}
    examples = read(
        tmp_path, paragraph("Cup A has salt. ", first, second), paragraph("Road C has.", other)
    )
    context = "Salt melts ice.\nCup A has salt."
    source = "Which melts?\nCup A has salt.\nSalt melts ice."
    assert examples[0] == Example("7", context, source, "cup A", ("cup A", "A"), group=context)
    assert [example.id for example in examples] == ["7", "8", "9"]
    assert examples[0].group == examples[1].group != examples[2].group


@pytest.mark.parametrize("hidden", [{}, {"answers": []}])
def test_a_test_file_without_answers_is_refused(tmp_path, hidden):
    question = {"id": "7", "question": "Which melts?"} | hidden
    place = r"train-v1\.0\.json, data item 1, paragraphs 1, qas 1: no 'answers': a test file"
    with pytest.raises(ArtefactError, match=place):
        read(tmp_path, paragraph("Cup A has salt.", question))
