"""Documents in Arrow: numbered through, counted, whole or not at all."""

from collections.abc import Iterator

import pytest

from maskpolicy.arrow_files import read_batches, read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import fetch_documents
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources import text as plain_text
from maskpolicy.sources.base import Document, Documents, titled


class Given(Documents):
    """A source of documents with these texts; None is one that can't be read."""

    texts: list[str | None]

    def documents(self) -> Iterator[Document]:
        for i, text in enumerate(self.texts):
            if text is None:
                raise ArtefactError(f"text {i} is broken")
            yield Document(f"title {i}", text)


def fetch(tmp_path, texts) -> list[dict]:
    fetch_documents(Given(source="given", texts=texts), tmp_path / "documents.arrow")
    return read_table(tmp_path / "documents.arrow").to_pylist()


def test_a_batch_holds_no_more_text_than_arrow_can(tmp_path, monkeypatch):
    monkeypatch.setattr("maskpolicy.corpora.documents.BYTES_PER_BATCH", 100)
    texts = ["東" * 30, "b" * 30, "c" * 300, "d", "e"]
    assert [row["text"] for row in fetch(tmp_path, texts)] == texts
    batches = read_batches(tmp_path / "documents.arrow")
    assert [batch["document"].to_pylist() for batch in batches] == [[0], [1], [2], [3, 4]]


def test_a_document_too_long_for_arrow_is_refused_by_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("maskpolicy.corpora.documents.LONGEST_TEXT", 100)
    with pytest.raises(InputError, match="document 1 has over 2 GB of text: cut it"):
        fetch(tmp_path, ["short", "long " * 40])
    assert list(tmp_path.iterdir()) == []


def test_documents_have_a_manifest_with_their_counts(tmp_path):
    assert fetch(tmp_path, ["One two.", "Three."]) == [
        {"document": 0, "title": "title 0", "text": "One two."},
        {"document": 1, "title": "title 1", "text": "Three."},
    ]
    manifest = read_json(tmp_path / "documents.json")
    assert (manifest["documents"], manifest["words"]) == (2, 3)
    assert list(manifest["files"]) == ["documents.arrow"]


def test_more_documents_than_fit_a_batch_are_numbered_through(tmp_path):
    rows = fetch(tmp_path, [f"Text {i}." for i in range(2500)])
    assert [row["document"] for row in rows] == list(range(2500))
    assert rows[-1]["text"] == "Text 2499."


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_a_source_without_text_is_refused(tmp_path, texts):
    with pytest.raises(InputError, match="given: no document has any text"):
        fetch(tmp_path, texts)
    assert list(tmp_path.iterdir()) == []


def test_the_file_without_text_is_named(tmp_path):
    (tmp_path / "own.txt").write_text("\n\n")
    source = plain_text.Documents(source="text", path=str(tmp_path / "own.txt"))
    with pytest.raises(InputError, match=r"own\.txt: no document has any text"):
        fetch_documents(source, tmp_path / "documents.arrow")


def test_a_source_that_breaks_leaves_nothing(tmp_path):
    with pytest.raises(ArtefactError, match="text 2000 is broken"):
        fetch(tmp_path, ["fine"] * 2000 + [None])
    assert list(tmp_path.iterdir()) == []


def test_a_title_comes_before_its_text():
    assert titled("Kenya", "Capital: Nairobi.") == "Kenya. Capital: Nairobi."
    assert titled("", "Capital: Nairobi.") == "Capital: Nairobi."
