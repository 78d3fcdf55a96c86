"""Plain text: blank lines, and the files and lines that errors name."""

import bz2
import gzip
import re

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import text
from maskpolicy.sources.base import Document
from maskpolicy.sources.text import Documents


def read(tmp_path, content: bytes, **fields: str) -> list[Document]:
    (tmp_path / "own.txt").write_bytes(content)
    source = Documents(source="text", path=str(tmp_path / "own.txt"), **fields)
    return list(source.documents())


def test_a_blank_line_ends_a_document(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbfOne.\r\nStill one.\n \n\n\nTwo.") == [
        Document("", "One.\nStill one."),
        Document("", "Two."),
    ]
    assert read(tmp_path, b"\n \n") == []


def test_every_line_may_be_a_document(tmp_path):
    assert read(tmp_path, b"One.\r\nTwo.\n \n\nThree.", split="lines") == [
        Document("", "One."),
        Document("", "Two."),
        Document("", "Three."),
    ]


def test_a_file_that_is_one_document_of_many_lines_is_pointed_at(tmp_path, capsys):
    articles = b"An article of a line.\n" * 300
    assert len(read(tmp_path, articles)) == 1
    said = r"own.txt: no line is blank, so its 300 lines are one document; .* `split: lines`"
    assert re.search(said, capsys.readouterr().err)
    read(tmp_path, articles + b"\nAnother document.\n")
    read(tmp_path, articles, split="lines")
    read(tmp_path, b"A poem\nof two lines.\n")
    assert capsys.readouterr().err == ""


def test_undecodable_text_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"own\.txt, line 2: not UTF-8"):
        read(tmp_path, b"fine\nna\xefve\n")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"none\.txt: No such file"):
        list(Documents(source="text", path=str(tmp_path / "none.txt")).documents())


def test_files_of_a_pattern_are_read_compressed_or_not(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"One.\n\nTwo.")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"Three."))
    (tmp_path / "c.txt.bz2").write_bytes(bz2.compress(b"Four.\n"))
    source = Documents(source="text", path=str(tmp_path / "*.txt*"))
    texts = [document.text for document in source.documents()]
    assert texts == ["One.", "Two.", "Three.", "Four."]


def test_a_file_without_blank_lines_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_DOCUMENT", 1 << 20)
    with pytest.raises(ArtefactError, match=r"no line is blank in 1 MB.*`split: lines`"):
        read(tmp_path, b"line\n" * (1 << 19))
