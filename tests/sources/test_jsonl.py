"""JSON lines of documents: fields by name, and the lines that errors name."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document
from maskpolicy.sources.jsonl import Documents


def read(tmp_path, content: bytes, **fields: str) -> list[Document]:
    (tmp_path / "own.jsonl").write_bytes(content)
    source = Documents(source="jsonl", path=str(tmp_path / "own.jsonl"), **fields)
    return list(source.documents())


def test_documents_may_have_titles(tmp_path):
    content = '{"title": " Ke ", "text": "née", "n": 1}\n\n'.encode()
    assert read(tmp_path, content, title_field="title") == [Document("Ke", "née")]
    assert read(tmp_path, content) == [Document("", "née")]
    assert read(tmp_path, content, text_field="title") == [Document("", " Ke ")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{oops}", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"text": ' + b'{"a":' * 100_000, "nested too deeply"),
        (b'{"title": "t"}', "'text' is missing"),
        (b'{"title": "t", "text": null}', "'text' does not hold a string"),
        (b'{"title": "t", "text": "\\ud800"}', "'text' is not valid text"),
        (b'{"title": "t", "text": "\xff"}', "not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 3: .*{said}"):
        read(tmp_path, b'{"title": "a", "text": "b"}\n\n' + line + b"\n", title_field="title")
