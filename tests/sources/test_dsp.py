"""Sets of Gururangan et al. 2020: texts, labels that are words, numbers or truths; bad lines."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.dsp import LabelledExamples

TEXT = "<< Aspirin >> blocks [[ COX-1 ]] ."


def read(tmp_path, *rows):
    path = tmp_path / "train.txt"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LabelledExamples(source="dsp", train=str(path)).splits()["train"]


def test_texts_and_labels(tmp_path):
    labels = {"INHIBITOR": "INHIBITOR", 3: "3", True: "True"}
    rows = [{"text": TEXT, "label": label, "metadata": {}} for label in labels]
    assert read(tmp_path, *rows) == [
        ClassificationExample(f"train-{number}", TEXT, None, label)
        for number, label in enumerate(labels.values(), start=1)
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": TEXT}, "the field 'label' is missing"),
        ({"text": TEXT, "label": ["USES"]}, "'label' does not hold a string"),
        ({"text": " ", "label": "USES"}, "the field 'text' is empty"),
        ({"label": "USES"}, "the field 'text' is missing"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, said):
    with pytest.raises(ArtefactError, match=rf"train\.txt, line 2: .*{said}"):
        read(tmp_path, {"text": TEXT, "label": "USES"}, row)
