"""Own documents: fields by name, rows without a text, and the lines that errors name."""

import gzip
import json

import pytest
from pydantic import ValidationError

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document
from maskpolicy.sources.own.documents import Documents


def read(tmp_path, content: bytes, **fields) -> list[Document]:
    (tmp_path / "own.jsonl").write_bytes(content)
    source = Documents(source="own-documents", path=str(tmp_path / "own.jsonl"), **fields)
    return list(source.documents())


def test_documents_may_have_titles(tmp_path):
    content = '{"title": " Ke ", "text": "née", "meta": {"n": "x"}}\n\n'.encode()
    assert read(tmp_path, content, title_field="title") == [Document("Ke", "née")]
    assert read(tmp_path, content) == [Document("", "née")]
    assert read(tmp_path, content, text_field="title") == [Document("", " Ke ")]
    assert read(tmp_path, content, title_field="meta.n") == [Document("x", "née")]
    assert read(tmp_path, b'{"title": null, "text": "a"}', title_field="title") == [
        Document("", "a")
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{oops}", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"text": ' + b'{"a":' * 100_000, "nested too deeply"),
        (b'{"text": "t"}', "'title' is missing among 'text'"),
        (b'{"title": "t", "text": 3}', "'text' does not hold a string"),
        (b'{"title": "t", "text": "\\ud800"}', "'text' is not valid text"),
        (b'{"title": "t", "text": "\xff"}', "not UTF-8"),
        (b'{"title": "t", "text": "\0"}', "a NUL character"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 3: .*{said}"):
        read(tmp_path, b'{"title": "a", "text": "b"}\n\n' + line + b"\n", title_field="title")


def test_the_first_field_with_a_text_is_taken_and_rows_without_one_are_counted(tmp_path, capsys):
    rows = [
        {"paperAbstract": "", "abstract": "a"},
        {"paperAbstract": "b", "abstract": "c"},
        {"title": "t"},
        {"abstract": None},
        {"paperAbstract": " "},
    ]
    for i, some in enumerate((rows[:2], rows[2:])):
        lines = "".join(json.dumps(row) + "\n" for row in some).encode()
        (tmp_path / f"s2orc-{i}.jsonl.gz").write_bytes(gzip.compress(lines))
    fields = {"path": f"{tmp_path}/s2orc-*.jsonl.gz", "text_field": ("paperAbstract", "abstract")}
    documents = list(Documents(source="own-documents", **fields).documents())
    assert [document.text for document in documents] == ["a", "b"]
    assert "s2orc-1.jsonl.gz: 3 rows left out: 3 without a text" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [1, 2000])
def test_a_misspelt_field_is_found_out_early(tmp_path, rows):
    said = rf"line {min(rows, 1000)}: none of .* has a text in 'txt'; fields: 'text'$"
    with pytest.raises(ArtefactError, match=said):
        read(tmp_path, b'{"text": "a"}\n' * rows, text_field="txt")


def test_a_file_without_rows_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"own\.jsonl: it has no rows"):
        read(tmp_path, b"\n \n")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "path"),
        ({"path": "a.txt"}, r"`path`: 'a\.txt' ends in none of \.jsonl"),
        ({"path": "a.csv", "hub_config": "en"}, "`hub_config` is that of a dataset"),
        ({"path": "a.csv", "text_field": ()}, "text_field"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(ValidationError, match=said):
        Documents(source="own-documents", **fields)
    assert Documents(source="own-documents", path="data/*").paths() == {"path": "data/*"}
