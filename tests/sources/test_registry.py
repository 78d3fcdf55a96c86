"""The registry: what a configuration can name, and what a new format costs."""

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from maskpolicy.corpora.fetching import fetch_documents
from maskpolicy.corpora.specs import DocumentSource
from maskpolicy.sources import base
from maskpolicy.sources.registry import SOURCES, YIELDS, describe_sources, find_record
from maskpolicy.tasks.prepare import prepare_task
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask, Task

HEAVY = {"bs4", "numba", "numpy", "pandas", "pyarrow", "spacy", "torch", "transformers"}

ANY_ORIGIN = {"own-documents", "own-labels", "own-pairs", "text"}
"""Sources of data that nobody in particular published."""

FORTUNES = '''
"""Fortunes: a file of sayings, a line with % between them."""

from pathlib import Path
from typing import Literal

from maskpolicy.sources import base


class Documents(base.Documents):
    PATHS = ("path",)

    source: Literal["fortunes"]
    path: str

    def documents(self):
        for saying in Path(self.path).read_text().split("\\n%\\n"):
            yield base.Document("", saying.strip())


class Seq2SeqExamples(base.Seq2SeqExamples):
    """How does a saying go on?"""

    PATHS = ("path",)

    source: Literal["fortunes"]
    path: str
    words: tuple[int, ...] = (2,)

    def splits(self):
        sayings = Path(self.path).read_text().split("\\n%\\n")
        cut = [(saying.split()[:n], saying.split()[n:]) for saying in sayings for n in self.words]
        pairs = [(" ".join(first), " ".join(rest)) for first, rest in cut]
        return {
            "train": [base.Example(f"{i}", "", *pair, pair[1:]) for i, pair in enumerate(pairs)]
        }
'''


@pytest.fixture
def fortunes(tmp_path, monkeypatch) -> dict:
    """A new format: one file and one line of the registry. Returns a source of ten sayings."""
    (tmp_path / "own_fortunes.py").write_text(FORTUNES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SOURCES, "fortunes", "own_fortunes")
    sayings = "\n%\n".join(f"Saying {i} of all" for i in range(10))
    (tmp_path / "sayings").write_text(sayings)
    return {"source": "fortunes", "path": str(tmp_path / "sayings")}


def read(kind, record):
    return TypeAdapter(kind).validate_json(json.dumps(record))


def test_a_new_format_yields_documents_and_a_task(fortunes, tmp_path):
    documents = read(DocumentSource, fortunes)
    fetch_documents(documents, tmp_path / "documents")
    task = read(Task, {"examples": fortunes | {"words": [2, 3]}})
    prepare_task(task, tmp_path / "task")
    assert (tmp_path / "task" / "test.arrow").exists()
    assert documents.paths() == task.examples.paths() == {"path": fortunes["path"]}
    assert ("fortunes", "documents, seq2seq examples") in [row[:2] for row in describe_sources()]
    # As a job gets it: the record says all that it holds.
    assert read(Task, json.loads(task.model_dump_json())) == task


def test_a_task_is_of_the_kind_that_its_source_yields():
    assert isinstance(read(Task, {"examples": {"source": "factbook"}}), Seq2SeqTask)
    assert isinstance(read(Task, {"examples": {"source": "movie-reviews"}}), ClassificationTask)


@pytest.mark.parametrize(
    ("kind", "record", "location", "message"),
    [
        (DocumentSource, {"source": "txt"}, ("source",), "the sources of documents are"),
        (DocumentSource, {"source": "tsv"}, ("source",), "the sources of documents are"),
        (DocumentSource, {"source": ["text"]}, ("source",), "the sources of documents are"),
        (DocumentSource, {"path": "x"}, ("source",), "missing; one of: "),
        (DocumentSource, "text", (), "should be an object"),
        (DocumentSource, {"source": "text"}, ("path",), "Field required"),
        (
            Task,
            {"examples": {"source": "text", "path": "x"}, "metrics": ["exact_match"]},
            ("unclear", "examples", "source"),
            "the sources of seq2seq examples or labelled examples are ",
        ),
        (Task, {"examples": {"source": "own-pairs"}}, ("seq2seq", "examples", "train"), "required"),
    ],
)
def test_a_mistake_is_named_by_its_key(kind, record, location, message):
    with pytest.raises(ValidationError) as caught:
        read(kind, record)
    (error,) = caught.value.errors()
    assert error["loc"] == location
    assert message in error["msg"]


def test_a_record_of_another_kind_is_refused():
    examples = find_record("movie-reviews", "LabelledExamples")(source="movie-reviews")
    assert ClassificationTask(examples=examples).examples == examples
    with pytest.raises(ValidationError, match="Seq2SeqExamples"):
        Seq2SeqTask(examples=examples)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_keeps_the_promises_that_it_makes(name):
    records = {kind: record for kind in YIELDS if (record := find_record(name, kind))}
    assert records
    # A task is of one kind: a format that could be read as both is two sources.
    assert not {"Seq2SeqExamples", "LabelledExamples"} <= set(records)
    for kind, record in records.items():
        assert issubclass(record, getattr(base, kind))
        assert record.model_fields["source"].annotation.__args__ == (name,)
        assert set(record.PATHS) <= set(record.model_fields)


def test_sources_describe_themselves_in_a_line():
    rows = list(describe_sources())
    assert [name for name, *_ in rows] == sorted(SOURCES)
    for name, kind, line, licence, citation in rows:
        assert kind
        assert line.endswith(".") and len(line) <= 100
        if name in ANY_ORIGIN:
            assert (licence, citation) == ("your own", "")
        else:
            assert licence != "your own" and citation


def test_source_modules_load_light():
    code = (
        "import sys; from maskpolicy.sources.registry import describe_sources;"
        "list(describe_sources());"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())
