"""ChemProt: marked sentences, of thirteen labels."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.chemprot import LABELS, LabelledExamples

TEXT = "<< Aspirin >> blocks [[ COX-1 ]] ."


def read(tmp_path, *labels):
    path = tmp_path / "train.txt"
    rows = ({"text": TEXT, "label": label, "metadata": {}} for label in labels)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LabelledExamples(source="chemprot", train=str(path)).splits()["train"]


def test_sentences_and_labels(tmp_path):
    assert len(LABELS) == 13
    assert read(tmp_path, "INHIBITOR", "SUBSTRATE") == [
        ClassificationExample("train-1", TEXT, None, "INHIBITOR"),
        ClassificationExample("train-2", TEXT, None, "SUBSTRATE"),
    ]
    with pytest.raises(ArtefactError, match=r"train\.txt, line 2: the label 'CPR:4' is none of"):
        read(tmp_path, "INHIBITOR", "CPR:4")
