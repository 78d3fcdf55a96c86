"""Which documents of a source are written, whoever reads its files."""

from collections.abc import Iterator

import pytest

from maskpolicy.artefacts import read_json, sha256
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.corpora.duplicates import SeenTexts
from maskpolicy.corpora.fetching import fetch_documents
from maskpolicy.corpora.specs import DocumentShare
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources import text as plain_text
from maskpolicy.sources.base import Document, Documents


class Given(Documents):
    """A source of documents with these texts; None is one that can't be read."""

    texts: list[str | None]

    def documents(self) -> Iterator[Document]:
        for i, text in enumerate(self.texts):
            if text is None:
                raise ArtefactError(f"text {i} is broken")
            yield Document(f"title {i}", text)


def texts_of(folder) -> list[str]:
    return [
        text for batch in StoredDocuments(folder).batches() for text in batch["text"].to_pylist()
    ]


def fetch(tmp_path, texts, **options) -> list[str]:
    fetch_documents(Given(source="given", texts=texts), tmp_path / "documents", **options)
    return texts_of(tmp_path / "documents")


def test_documents_have_a_manifest_with_their_counts(tmp_path):
    assert fetch(tmp_path, ["One two.", "Three."]) == ["One two.", "Three."]
    manifest = read_json(tmp_path / "documents.json")
    assert (manifest["read"], manifest["documents"], manifest["words"]) == (2, 2, 3)


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_a_source_without_text_is_refused(tmp_path, texts):
    with pytest.raises(InputError, match="given: no document has any text"):
        fetch(tmp_path, texts)
    assert list(tmp_path.iterdir()) == []


def test_the_file_without_text_is_named(tmp_path):
    (tmp_path / "own.txt").write_text("\n\n")
    source = plain_text.Documents(source="text", path=str(tmp_path / "own.txt"))
    with pytest.raises(InputError, match=r"own\.txt: no document has any text"):
        fetch_documents(source, tmp_path / "documents")


def test_a_source_that_breaks_leaves_nothing(tmp_path):
    with pytest.raises(ArtefactError, match="text 2000 is broken"):
        fetch(tmp_path, ["fine"] * 2000 + [None])
    assert list(tmp_path.iterdir()) == []


def test_a_limit_is_the_first_documents_and_reads_no_further(tmp_path):
    assert fetch(tmp_path, ["a", "b", "c", None], limit=2) == ["a", "b"]
    assert fetch(tmp_path, ["a", "b"], limit=5) == ["a", "b"]


def test_a_share_is_drawn_by_number_and_seed(tmp_path):
    texts = [str(i) for i in range(10_000)]
    drawn = fetch(tmp_path, texts, limit=DocumentShare(share=0.03))
    assert 250 < len(drawn) < 350
    assert drawn == sorted(drawn, key=int)
    assert fetch(tmp_path, texts, limit=DocumentShare(share=0.03)) == drawn
    assert fetch(tmp_path, texts[:5000], limit=DocumentShare(share=0.03)) == [
        text for text in drawn if int(text) < 5000
    ]
    assert set(drawn) < set(fetch(tmp_path, texts, limit=DocumentShare(share=0.1)))
    other = fetch(tmp_path, texts, limit=DocumentShare(share=0.03, seed=1))
    assert len(set(other) & set(drawn)) < 50


def test_a_share_that_leaves_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="given: `limit` leaves none of 3 documents"):
        fetch(tmp_path, ["a", "b", "c"], limit=DocumentShare(share=1e-9))


def test_repeated_texts_are_left_out_before_a_limit(tmp_path, capsys):
    texts = ["a", "b", "a", "a ", "c", "b", "d"]
    assert fetch(tmp_path, texts, deduplicate=True) == ["a", "b", "a ", "c", "d"]
    assert capsys.readouterr().err == "given: 2 of 7 documents repeat the text of another\n"
    assert read_json(tmp_path / "documents.json")["duplicates"] == 2
    assert fetch(tmp_path, texts, deduplicate=True, limit=4) == ["a", "b", "a ", "c"]
    assert fetch(tmp_path, texts) == texts


def test_texts_are_known_again_however_many_there_are():
    seen = SeenTexts(slots=2)
    assert all(seen.add(str(i)) for i in range(1000))
    assert not any(seen.add(str(i)) for i in range(1000))
    assert seen.add("1000")


def write_files(tmp_path, number) -> plain_text.Documents:
    for i in range(number):
        text = "\n".join(f"File {i} line {j}, {'東' * (j % 7)}." for j in range(3000))
        (tmp_path / f"own-{i}.txt").write_text(text)
    return plain_text.Documents(source="text", path=str(tmp_path / "own-*.txt"), split="lines")


def test_processes_read_the_same_documents_in_the_same_order(tmp_path):
    source = write_files(tmp_path, 5)
    options = {"limit": DocumentShare(share=0.5), "deduplicate": True}
    for processes in (1, 3):
        fetch_documents(source, tmp_path / f"{processes}", processes=processes, **options)
    files = [f"{processes}/part-0.arrow" for processes in (1, 3)]
    assert sha256(tmp_path / files[0]) == sha256(tmp_path / files[1])
    assert texts_of(tmp_path / "3")[0].startswith("File 0")
    assert not list(tmp_path.glob(".*"))


def test_processes_stop_at_a_limit_and_at_an_error(tmp_path):
    source = write_files(tmp_path, 4)
    fetch_documents(source, tmp_path / "some", processes=2, limit=10)
    assert len(texts_of(tmp_path / "some")) == 10
    (tmp_path / "own-2.txt").write_bytes(b"fine\nna\xefve\n")
    with pytest.raises(ArtefactError, match=r"own-2\.txt, line 2: not UTF-8"):
        fetch_documents(source, tmp_path / "none", processes=2)
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob(".*"))
