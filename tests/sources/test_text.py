"""Plain text: blank lines, and the files and lines that errors name."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document
from maskpolicy.sources.text import Documents


def read(tmp_path, content: bytes) -> list[Document]:
    (tmp_path / "own.txt").write_bytes(content)
    return list(Documents(source="text", path=str(tmp_path / "own.txt")).documents())


def test_a_blank_line_ends_a_document(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbfOne.\r\nStill one.\n \n\n\nTwo.") == [
        Document("", "One.\nStill one."),
        Document("", "Two."),
    ]
    assert read(tmp_path, b"\n \n") == []


def test_undecodable_text_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"own\.txt, line 2: not UTF-8"):
        read(tmp_path, b"fine\nna\xefve\n")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"none\.txt: No such file"):
        list(Documents(source="text", path=str(tmp_path / "none.txt")).documents())
