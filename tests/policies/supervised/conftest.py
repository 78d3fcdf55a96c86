"""A tokenizer, a checkpoint and a task small enough to learn in a second."""

from pathlib import Path

import pyarrow as pa
import pytest

from maskpolicy.artefacts import write_table
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.tasks.examples import Example, write_examples

TOWNS = [f"{a}{b}{c}" for a in ("Ka", "Bo", "Lu", "Mi") for b in ("lo", "ra") for c in ("ma", "ti")]


def towns(first, number):
    """Examples whose target is the town after "Capital:"; the other town of the context is none."""
    return [
        Example(
            id=f"{i}/capital",
            context=f"Land {i}. Port: {TOWNS[(i + 7) % 16]}. Capital: {TOWNS[i % 16]}. Area: {i}.",
            source=f"capital of land {i}?",
            target=TOWNS[i % 16],
            answers=(TOWNS[i % 16],),
        )
        for i in range(first, first + number)
    ]


@pytest.fixture(name="towns", scope="session")
def _towns():
    return towns


@pytest.fixture(scope="session")
def make_tokenizer(tmp_path_factory):
    def make(lowercase):
        folder = tmp_path_factory.mktemp("tokenizer")
        texts = [example.context for example in towns(0, 80)]
        columns = {"document": range(80), "title": [""] * 80, "text": texts}
        table = pa.Table.from_pydict(columns, schema=DOCUMENT_SCHEMA)
        write_table(folder / "documents.arrow", table)
        spec = TrainedTokenizer(train_on=("c",), vocabulary_size=320, lowercase=lowercase)
        train_tokenizer([folder / "documents.arrow"], spec, folder / "tokenizer")
        return folder / "tokenizer"

    return make


@pytest.fixture(scope="session")
def tokenizer_folder(make_tokenizer) -> Path:
    return make_tokenizer(lowercase=True)


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder):
    return load_tokenizer(tokenizer_folder)


@pytest.fixture
def checkpoint(make_tiny_bart, tmp_path) -> Path:
    folder = tmp_path / "checkpoint"
    make_tiny_bart(vocab_size=320).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    write_examples(folder / "train.arrow", towns(0, 48))
    write_examples(folder / "dev.arrow", towns(48, 16))
    write_examples(folder / "test.arrow", towns(64, 16))
    return folder
