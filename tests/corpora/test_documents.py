from pathlib import Path

import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA, fetch_documents
from maskpolicy.corpora.specs import JsonlDocuments, TextDocuments
from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import titled


def fetch_text(tmp_path: Path, content: bytes) -> list[dict]:
    source = tmp_path / "own.txt"
    source.write_bytes(content)
    fetch_documents(TextDocuments(source="text", path=str(source)), tmp_path / "documents.arrow")
    return read_table(tmp_path / "documents.arrow").to_pylist()


def fetch_jsonl(tmp_path: Path, content: bytes, title_field: str | None = "title") -> list[dict]:
    source = tmp_path / "own.jsonl"
    source.write_bytes(content)
    spec = JsonlDocuments(source="jsonl", path=str(source), title_field=title_field)
    fetch_documents(spec, tmp_path / "documents.arrow")
    return read_table(tmp_path / "documents.arrow").to_pylist()


def test_a_blank_line_ends_a_document_of_plain_text(tmp_path):
    rows = fetch_text(tmp_path, b"\xef\xbb\xbfOne.\r\nStill one.\n \n\n\nTwo.")
    assert rows == [
        {"document": 0, "title": "", "text": "One.\nStill one."},
        {"document": 1, "title": "", "text": "Two."},
    ]


def test_documents_have_a_manifest_with_their_counts(tmp_path):
    fetch_text(tmp_path, b"One two.\n\nThree.")
    manifest = read_json(tmp_path / "documents.json")
    assert (manifest["documents"], manifest["words"]) == (2, 3)
    assert list(manifest["files"]) == ["documents.arrow"]


def test_more_documents_than_fit_a_batch_are_numbered_through(tmp_path):
    rows = fetch_text(tmp_path, "\n\n".join(f"Text {i}." for i in range(2500)).encode())
    assert [row["document"] for row in rows] == list(range(2500))
    assert rows[-1]["text"] == "Text 2499."


def test_an_empty_source_has_no_documents(tmp_path):
    assert fetch_text(tmp_path, b"\n \n") == []
    assert read_table(tmp_path / "documents.arrow").schema == DOCUMENT_SCHEMA


def test_jsonl_documents_have_titles(tmp_path):
    rows = fetch_jsonl(tmp_path, '{"title": "Ke", "text": "née", "n": 1}\n\n'.encode())
    assert rows == [{"document": 0, "title": "Ke", "text": "née"}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{oops}", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"title": "t"}', "'text' is missing"),
        (b'{"title": "t", "text": null}', "'text' does not hold a string"),
        (b'{"title": "t", "text": "\\ud800"}', "'text' is not valid text"),
        (b'{"title": "t", "text": "\xff"}', "not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 3: .*{said}"):
        fetch_jsonl(tmp_path, b'{"title": "a", "text": "b"}\n\n' + line + b"\n")
    assert not (tmp_path / "documents.arrow").exists()
    assert not (tmp_path / "documents.json").exists()


def test_undecodable_plain_text_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"own\.txt, line 2: not UTF-8"):
        fetch_text(tmp_path, b"fine\nna\xefve\n")


def test_a_missing_file_is_named(tmp_path):
    spec = TextDocuments(source="text", path=str(tmp_path / "none.txt"))
    with pytest.raises(ArtefactError, match=r"none\.txt: No such file"):
        fetch_documents(spec, tmp_path / "documents.arrow")


def test_a_title_comes_before_its_text():
    assert titled("Kenya", "Capital: Nairobi.") == "Kenya. Capital: Nairobi."
    assert titled("", "Capital: Nairobi.") == "Capital: Nairobi."
