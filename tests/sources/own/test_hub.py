"""A dataset of the hub, here a local folder: its splits by name, and what is said without it."""

import builtins
import json
import sys
from types import SimpleNamespace

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample, Document
from maskpolicy.sources.own.documents import Documents
from maskpolicy.sources.own.labels import LabelledExamples


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> str:
    """A dataset of two splits."""
    try:
        import datasets
    except ImportError as error:
        pytest.skip(f"needs datasets: {error}")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "owner" / "tiny"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        row = {"text": f"A text of {split}.", "label": 1}
        (folder / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    return str(folder)


def test_splits_of_a_dataset(dataset):
    source = LabelledExamples(source="own-labels", hub=dataset, train="train", test="test")
    assert source.paths() == {} and source.named == dataset
    assert source.splits() == {
        split: [ClassificationExample(f"{split}-1", f"A text of {split}.", None, "1")]
        for split in ("train", "test")
    }
    documents = Documents(source="own-documents", hub=dataset, path="test")
    assert list(documents.documents()) == [Document("", "A text of test.")]
    with pytest.raises(ArtefactError, match=r"tiny, train, row 1: the field 'gold' is missing"):
        source.model_copy(update={"label_field": "gold"}).splits()
    with pytest.raises(ArtefactError, match=r'cannot load .*tiny, gone: Unknown split "gone"'):
        source.model_copy(update={"train": "gone"}).splits()


def test_rows_of_a_dataset_know_their_place(monkeypatch):
    rows = {("en", "train"): [{"text": "a", "label": 1}, {"text": 2}], ("en", "dev"): []}
    library = SimpleNamespace(load_dataset=lambda _, config, split: iter(rows[config, split]))
    monkeypatch.setitem(sys.modules, "datasets", library)
    record = {"source": "own-labels", "hub": "owner/name", "hub_config": "en"}
    for split, said in (
        ("train", r"^owner/name, train, row 2: the field 'text' does not hold a string"),
        ("dev", "^owner/name, dev: it has no rows"),
        ("test", "^cannot load owner/name, test: "),
    ):
        with pytest.raises(ArtefactError, match=said):
            LabelledExamples(**record, train=split).splits()


def test_a_missing_package_is_named(monkeypatch):
    def without(name, *rest):
        if name == "datasets":
            raise ImportError("No module named 'datasets'")
        return load(name, *rest)

    load = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without)
    source = LabelledExamples(source="own-labels", hub="owner/name", train="train")
    with pytest.raises(ArtefactError, match=r"owner/name: .*: pip install 'maskpolicy\[hub\]'"):
        source.splits()
