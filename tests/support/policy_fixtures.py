"""A corpus small enough to count by hand, its statistics; a task of towns and its tokenizer."""

from pathlib import Path

import pytest
from support.heuristic_cases import random_batch

from maskpolicy.arrow_files import write_batches
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.statistics.registry import STATISTICS, count_statistics
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.sources.base import Document, Example
from maskpolicy.tasks.seq2seq import write_examples

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


@pytest.fixture(scope="session")
def corpus_batch():
    return random_batch([40] * 120, seed=7)


@pytest.fixture(scope="session")
def write_shard():
    def write(path, batches):
        with write_batches(path, batches[0].tokens.schema) as writer:
            for batch in batches:
                writer.write_batch(batch.tokens)
        return path

    return write


@pytest.fixture(scope="session")
def corpus_shard(tmp_path_factory, corpus_batch, write_shard):
    return write_shard(tmp_path_factory.mktemp("corpus") / "shard-0.arrow", [corpus_batch])


@pytest.fixture(scope="session")
def statistics(tmp_path_factory, corpus_shard):
    folder = tmp_path_factory.mktemp("statistics")
    for statistic in STATISTICS:
        count_statistics(statistic, [corpus_shard], folder / f"{statistic}.arrow")
    return folder


@pytest.fixture(name="towns", scope="session")
def _towns():
    return towns


@pytest.fixture(scope="session")
def make_tokenizer(tmp_path_factory):
    def make(lowercase):
        folder = tmp_path_factory.mktemp("tokenizer")
        texts = [example.context for example in towns(0, 80)]
        write_documents([Document("", text) for text in texts], folder / "documents")
        spec = TrainedTokenizer(train_on=("c",), vocabulary_size=320, lowercase=lowercase)
        train_tokenizer([folder / "documents"], spec, folder / "tokenizer")
        return folder / "tokenizer"

    return make


@pytest.fixture(scope="session")
def tokenizer_folder(make_tokenizer) -> Path:
    return make_tokenizer(lowercase=True)


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder):
    return load_tokenizer(tokenizer_folder)


@pytest.fixture(scope="session")
def make_task(tmp_path_factory):
    """Makes the folder of a task with so many examples in train, dev and test."""

    def make(train, dev, test) -> Path:
        folder = tmp_path_factory.mktemp("task")
        write_examples(folder / "train.arrow", towns(0, train))
        write_examples(folder / "dev.arrow", towns(48, dev))
        write_examples(folder / "test.arrow", towns(64, test))
        return folder

    return make
