"""WIQA: steps without the empty ones, choices in the source, and what stays in one split."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.wiqa import Seq2SeqExamples

CHOICES = [
    {"label": "A", "text": "more"},
    {"label": "B", "text": "less"},
    {"label": "C", "text": "no effect"},
]


def read(tmp_path, **changed):
    question = {
        "stem": "suppose it thaws, how will it affect MORE snow.",
        "para_steps": ["It is cold. ", "", "It snows."],
        "answer_label": "no_effect",
        "answer_label_as_choice": "C",
        "choices": CHOICES,
    }
    line = {"question": question | changed, "metadata": {"para_id": "1310", "path_len": 3}}
    (tmp_path / "dev.jsonl").write_text(json.dumps(line) + "\n")
    return Seq2SeqExamples(source="wiqa", train=str(tmp_path / "dev.jsonl")).splits()["train"]


def test_the_text_of_the_choice_is_the_target(tmp_path):
    (example,) = read(tmp_path)
    assert example == Example(
        id="dev-1",
        context="It is cold. It snows.",
        source="suppose it thaws, how will it affect MORE snow.\n"
        "(A) more (B) less (C) no effect\n"
        "It is cold. It snows.",
        target="no effect",
        answers=("no effect",),
        group="1310",
        choices=("more", "less", "no effect"),
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"para_steps": ["", " "]}, "'para_steps' is not a list of at least one string"),
        ({"para_steps": ["It is cold.", 3]}, "'para_steps' is not a list of strings"),
        ({"para_steps": "It is cold."}, "'para_steps' is not a list of strings"),
        ({"answer_label_as_choice": ""}, "no 'answer_label_as_choice': a test file without"),
    ],
)
def test_a_bad_question_is_named_by_its_line(tmp_path, changed, said):
    with pytest.raises(ArtefactError, match=rf"dev\.jsonl, line 1, question: .*{said}"):
        read(tmp_path, **changed)
