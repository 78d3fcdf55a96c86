"""A corpus small enough to count by hand, and its statistics."""

import pytest
from heuristic_cases import random_batch

from maskpolicy.artefacts import write_batches
from maskpolicy.policies.registry import STATISTICS, count_statistics


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
