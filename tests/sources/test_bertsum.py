"""BertSum and MatchSum: sentences or their tokens, as JSON lines or a list."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.bertsum import Seq2SeqExamples

MATCHSUM = {"text": ["A ferry  sank.", "", "Se\u2028a."], "summary": ["Ferry sinks .", "40 ."]}
BERTSUM = {
    "src": [["A", "ferry", "sank."], [], ["Se", "a."]],
    "tgt": [["Ferry", "sinks", "."], ["40 ."]],
}


def read(tmp_path, content, name="cnndm.train.0.json"):
    (tmp_path / name).write_text(content)
    return Seq2SeqExamples(source="bertsum", train=str(tmp_path / name)).splits()["train"]


@pytest.mark.parametrize("record", [MATCHSUM, BERTSUM])
@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda rows: "\n " + json.dumps(rows, indent=2),
        lambda rows: "\n\n".join(map(json.dumps, rows)),
    ],
)
def test_a_sentence_a_line_whatever_the_form(tmp_path, record, write):
    article, summary = "A ferry sank.\n\nSe a.", "Ferry sinks .\n40 ."
    assert read(tmp_path, write([record, record])) == [
        Example(f"cnndm.train.0-{number}", article, article, summary, (summary,))
        for number in (1, 2)
    ]


def test_articles_and_summaries_that_are_empty_are_counted(tmp_path, capsys):
    rows = [MATCHSUM, MATCHSUM | {"text": []}, MATCHSUM | {"summary": [" "]}, MATCHSUM]
    ids = [example.id for example in read(tmp_path, json.dumps(rows))]
    assert ids == ["cnndm.train.0-1", "cnndm.train.0-4"]
    said = "2 examples left out: 1 without an article; 1 without a summary"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"text": ["A."]}', "neither 'text' and 'summary' nor 'src' and 'tgt'"),
        ('{"text": "A.", "summary": ["B."]}', "'text' does not hold a list of sentences"),
        ('{"text": ["A."], "summary": [1]}', "a sentence of 'summary' is neither"),
        ('{"src": [["A."]], "tgt": [["B.", null]]}', "a sentence of 'tgt' is neither"),
        ('{"text": ["A', "not valid JSON"),
        ("3", "not a JSON object"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, said):
    good = json.dumps(MATCHSUM)
    with pytest.raises(ArtefactError, match=rf"train\.jsonl, line 2: .*{said}"):
        read(tmp_path, f"{good}\n{row}\n", "train.jsonl")
    with pytest.raises(ArtefactError, match=rf"train\.json, (item 2|after item 1): .*{said}"):
        read(tmp_path, f"[{good}, {row}]", "train.json")


def test_half_a_character_is_no_text(tmp_path):
    with pytest.raises(ArtefactError, match=r"train\.jsonl, line 1: 'summary' is not valid text"):
        read(tmp_path, '{"text": ["A."], "summary": ["\\ud800"]}', "train.jsonl")
