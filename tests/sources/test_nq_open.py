"""NQ-open: ids that differ between its files, and answers as published."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.nq_open import Seq2SeqExamples


def test_the_first_answer_is_the_target_and_ids_differ_between_files(tmp_path):
    train, dev = tmp_path / "NQ-open.train.jsonl", tmp_path / "NQ-open.dev.jsonl"
    train.write_text('{"question": "who sang it ", "answer": ["Ann Lee", "Ann"]}\n')
    dev.write_text('{"question": "how many", "answer": ["one"]}\n')
    splits = Seq2SeqExamples(source="nq-open", train=str(train), test=str(dev)).splits()
    assert splits == {
        "train": [Example("NQ-open.train-1", "", "who sang it", "Ann Lee", ("Ann Lee", "Ann"))],
        "test": [Example("NQ-open.dev-1", "", "how many", "one", ("one",))],
    }


def test_a_question_without_answers_is_named_by_its_line(tmp_path):
    path = tmp_path / "NQ-open.test.jsonl"
    path.write_text('{"question": "who", "answer": ["Ann"]}\n{"question": "how many"}\n')
    with pytest.raises(ArtefactError, match=r"NQ-open\.test\.jsonl, line 2: the field 'answer'"):
        Seq2SeqExamples(source="nq-open", train=str(path)).splits()
