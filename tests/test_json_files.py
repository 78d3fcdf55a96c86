"""JSON files: the place that errors name, whatever is wrong and however large the file."""

import bz2
import gzip
import json

import pyarrow as pa
import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import read_json_items, read_json_lines

ROWS = [{"text": "One.", "n": 1}, {"text": "Zwei, für ﷽.", "n": 2}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
    ],
)
def test_lines_of_plain_and_compressed_files(tmp_path, ending, compress):
    path = tmp_path / f"rows.jsonl{ending}"
    path.write_bytes(compress(LINES) + compress(LINES))  # a file may be several, one after another
    assert [line.fields for line in read_json_lines(path)] == ROWS * 2
    assert [line.number for line in read_json_lines(path)] == [1, 2, 3, 4]
    if ending:
        path.write_bytes(compress(LINES * 1000)[:-9])
        with pytest.raises(ArtefactError, match=rf"cannot read .*rows\.jsonl\{ending}: "):
            list(read_json_lines(path))


def test_what_is_no_json_is_named_by_line_and_column(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(LINES + b'{"a": 1,}\n')
    with pytest.raises(ArtefactError) as error:
        list(read_json_lines(path))
    assert str(error.value).startswith(f"{path}, line 3: not valid JSON: ")
    assert str(error.value).endswith(" in column 9")


def test_items_of_a_document_are_streamed(tmp_path):
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"Version": 1, "Data": ROWS}, indent=1))
    assert [item.fields for item in read_json_items(path, "Data")] == ROWS
    path.write_text(json.dumps(ROWS))
    assert [item.fields for item in read_json_items(path)] == ROWS
    assert type(next(read_json_items(path)).fields["n"]) is int


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": 1}, {"a": ', r"data\.json, after item 1: not valid JSON"),
        ('[{"a": 1}, 3]', r"data\.json, item 2: not a JSON object"),
        ("[]", r"data\.json: a JSON document with a list of objects as its whole"),
        ('{"Data": [{}]}', r"data\.json: a JSON document with a list of objects as its whole"),
        ("", r"data\.json, after item 0: not valid JSON"),
    ],
)
def test_a_damaged_document_is_named(tmp_path, content, said):
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(ArtefactError, match=said):
        list(read_json_items(path))


def test_fields_of_fields_name_their_place(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"q": {"choices": [{"text": "a"}, {"text": 3}], "label": 1.0}}))
    (line,) = read_json_lines(path)
    question = line.object("q")
    first, second = question.objects("choices")
    assert (first.filled("text"), question.label("label")) == ("a", "1")
    with pytest.raises(ArtefactError, match=r"data\.jsonl, line 1, q, choices 2: the field 'text'"):
        second.text("text")
    with pytest.raises(ArtefactError, match=r"line 1: the field 'r' is missing"):
        line.object("r")
    with pytest.raises(ArtefactError, match=r"line 1: the field 'q' does not hold a list"):
        line.objects("q")
