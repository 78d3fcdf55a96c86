"""SemEval 2014, task 4: aspects, and the lines that errors name."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.semeval14 import LabelledExamples

SENTENCES = """<?xml version="1.0" encoding="UTF-8"?>
<sentences>
  <sentence id="1">
    <text>Good soup &amp; bad service.</text>
    <aspectTerms>
      <aspectTerm term="soup" polarity="positive" from="5" to="9"/>
      <aspectTerm term="service" polarity="negative" from="18" to="25"/>
    </aspectTerms>
    <aspectCategories>
      <aspectCategory category="food" polarity="positive"/>
      <aspectCategory category="service" polarity="conflict"/>
    </aspectCategories>
  </sentence>
  <sentence id="2">
    <text>Dull.</text>
    <aspectCategories><aspectCategory category="ambience" polarity="negative"/></aspectCategories>
  </sentence>
</sentences>
"""


def source(tmp_path, content=SENTENCES, **fields):
    path = tmp_path / "train.xml"
    path.write_text(content, encoding="utf-8")
    return LabelledExamples(
        **{"source": "semeval14", "train": str(path), "aspects": "categories"} | fields
    )


def test_aspects_without_those_in_conflict(tmp_path, capsys):
    text = "Good soup & bad service."
    assert source(tmp_path, aspects="categories").splits()["train"] == [
        ClassificationExample("1/1", "food", text, "positive", cluster="1"),
        ClassificationExample("2/1", "ambience", "Dull.", "negative", cluster="2"),
    ]
    said = capsys.readouterr().err
    assert said == f"{tmp_path}/train.xml: 1 aspect left out: 1 in conflict\n"
    assert source(tmp_path, aspects="terms").splits()["train"] == [
        ClassificationExample("1/1", "soup", text, "positive", cluster="1"),
        ClassificationExample("1/2", "service", text, "negative", cluster="1"),
    ]


def test_aspects_that_a_file_lacks_are_told(tmp_path):
    """The reviews of laptops have terms only (Pontiki et al. 2014)."""
    content = SENTENCES.replace("aspectCategor", "other")
    with pytest.raises(ArtefactError) as error:
        source(tmp_path, content, aspects="categories").splits()
    assert str(error.value) == (
        f"{tmp_path}/train.xml: none of its 2 sentences has `aspects: categories`;"
        " did you mean `aspects: terms`?"
    )


@pytest.mark.parametrize(
    ("broken", "instead", "message"),
    [
        ('polarity="negative"/></', "/></", "line 16: <aspectCategory> has no 'polarity'"),
        (' id="2"', "", "line 14: <sentence> has no 'id'"),
        ("<text>Dull.</text>", "", "line 14: a sentence has no <text>"),
        (' id="2"', ' id="1"', "line 14: a second sentence with the id '1'"),
        ("</sentences>", "", "line 19: not valid XML: no element found"),
        ("<sentences>", "<!DOCTYPE a [<!ENTITY b 'c'>]><sentences>", "line 2: a document type"),
    ],
)
def test_broken_xml_names_file_and_line(tmp_path, broken, instead, message):
    with pytest.raises(ArtefactError, match=f"train.xml, {message}"):
        source(tmp_path, SENTENCES.replace(broken, instead)).splits()


def test_a_test_file_of_its_own_is_the_test_split(tmp_path):
    (tmp_path / "test.xml").write_text(SENTENCES.replace('id="', 'id="test-'))
    own = source(tmp_path, test=str(tmp_path / "test.xml"))
    assert [[example.id for example in some] for some in own.splits().values()] == [
        ["1/1", "2/1"],
        ["test-1/1", "test-2/1"],
    ]
    assert own.paths() == {split: f"{tmp_path}/{split}.xml" for split in ("train", "test")}
    assert list(source(tmp_path).paths()) == list(source(tmp_path).splits()) == ["train"]
