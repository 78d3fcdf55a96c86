"""Documents on disk: numbered through their parts, counted, whole or not at all."""

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import StoredDocuments, write_documents
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources.base import Document, titled


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "documents"


@pytest.fixture
def small(monkeypatch):
    """Batches of 100 bytes, and parts of 150."""
    monkeypatch.setattr("maskpolicy.corpora.documents.BYTES_PER_BATCH", 100)
    monkeypatch.setattr("maskpolicy.corpora.documents.BYTES_PER_PART", 150)


def texts_of(batches) -> list[str]:
    return [text for batch in batches for text in batch["text"].to_pylist()]


def write(folder, texts) -> StoredDocuments:
    write_documents([Document(f"title {i}", text) for i, text in enumerate(texts)], folder)
    return StoredDocuments(folder)


def test_batches_and_parts_are_bounded(folder, small):
    texts = ["東" * 30, "b" * 30, "c" * 300, "d", "e"]
    stored = write(folder, texts)
    assert [b["document"].to_pylist() for b in stored.batches()] == [[0], [1], [2], [3, 4]]
    manifest = read_json(folder.with_name("documents.json"))
    parts = [(part["documents"], part["text_bytes"]) for part in manifest["parts"]]
    assert parts == [(2, 120), (1, 300), (2, 2)]
    assert list(manifest["files"]) == [f"documents/part-{i}.arrow" for i in range(3)]
    assert texts_of(stored.batches()) == texts
    assert len(stored) == manifest["documents"] == 5


def test_documents_are_found_in_their_parts(folder, small):
    stored = write(folder, [f"{i} " * 30 for i in range(30)])
    assert stored.read([17, 0, 29]) == [Document(f"title {i}", f"{i} " * 30) for i in (17, 0, 29)]


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 50])
def test_shards_are_all_documents_one_after_the_other(folder, small, shards):
    texts = ["", "one", "", "東" * 70, "two " * 9, "", "three " * 30, *"abcde", "", ""]
    stored = write(folder, texts)
    cut = [texts_of(stored.of_shard(shard, shards)) for shard in range(shards)]
    assert [text for some in cut for text in some] == texts
    total, before = sum(len(text.encode()) for text in texts), 0
    for text in texts:
        if text:
            assert text in cut[before * shards // total]
        before += len(text.encode())


def test_a_shard_opens_only_the_parts_that_it_needs(folder, small):
    stored = write(folder, ["a" * 100, "b" * 100, "c" * 100, "d" * 100])
    (folder / "part-3.arrow").unlink()
    assert texts_of(stored.of_shard(0, 4)) == ["a" * 100]
    assert stored.read([1])[0].text == "b" * 100
    with pytest.raises(ArtefactError, match=r"part-3\.arrow is missing"):
        list(stored.of_shard(3, 4))


def test_a_document_too_long_for_arrow_is_refused_by_its_number(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("maskpolicy.corpora.documents.LONGEST_TEXT", 100)
    with pytest.raises(InputError, match="document 1 has over 2 GB of text: cut it"):
        write(folder, ["short", "long " * 40])
    assert list(tmp_path.iterdir()) == []


def test_more_documents_than_fit_a_batch_are_numbered_through(folder):
    stored = write(folder, [f"Text {i}." for i in range(2500)])
    numbers = [n for batch in stored.batches() for n in batch["document"].to_pylist()]
    assert numbers == list(range(2500))
    assert stored.read([2499])[0].text == "Text 2499."


def test_a_manifest_that_says_nothing_of_parts_is_named(folder):
    folder.with_name("documents.json").write_text('{"documents": 2}')
    with pytest.raises(ArtefactError, match=r"documents\.json: parts: Field required"):
        StoredDocuments(folder)


def test_a_title_comes_before_its_text():
    assert titled("Kenya", "Capital: Nairobi.") == "Kenya. Capital: Nairobi."
    assert titled("", "Capital: Nairobi.") == "Capital: Nairobi."
