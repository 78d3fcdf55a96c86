"""SciCite: texts around citations, of three labels."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.scicite import LabelledExamples

ROW = {
    "string": " As in [1].",
    "sectionName": float("nan"),
    "label": "method",
    "isKeyCitation": True,
}


def read(tmp_path, **fields):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROW, ROW | fields)))
    return LabelledExamples(source="scicite", train=str(path)).splits()["train"]


def test_texts_and_labels(tmp_path):
    assert read(tmp_path, label="background") == [
        ClassificationExample("train-1", "As in [1].", None, "method"),
        ClassificationExample("train-2", "As in [1].", None, "background"),
    ]


def test_citations_of_one_paper_are_a_cluster(tmp_path):
    first, second = read(tmp_path, citingPaperId="2f1a")
    assert (first.cluster, second.cluster) == ("", "2f1a")
    assert read(tmp_path, citingPaperId=None)[1].cluster == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"label": "other"}, "the label 'other' is none of background, method, result"),
        ({"string": ""}, "the field 'string' is empty"),
        ({"string": 3}, "'string' does not hold a string"),
    ],
)
def test_a_bad_line_is_named(tmp_path, fields, said):
    with pytest.raises(ArtefactError, match=rf"train\.jsonl, line 2: .*{said}"):
        read(tmp_path, **fields)
