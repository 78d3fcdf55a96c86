"""Word statistics against a count by hand, and the weights made of them."""

import math
from collections import Counter, defaultdict
from itertools import combinations, pairwise

import numpy as np
import pytest
from support.heuristic_cases import per_row

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.cooccurrence import count_cooccurrence, count_word_frequencies
from maskpolicy.corpora.statistics.registry import count_statistics
from maskpolicy.decisions.base import Address
from maskpolicy.errors import ArtefactError
from maskpolicy.policies import specs
from maskpolicy.policies.informative import InformativeWords, RareWords


@pytest.fixture(scope="module")
def passages(corpus_batch):
    """The set of words of each row."""
    words = []
    for ids, starts in zip(
        per_row(corpus_batch, corpus_batch.input_ids),
        per_row(corpus_batch, corpus_batch.word_start),
        strict=True,
    ):
        begins = [*np.flatnonzero(starts), len(ids)]
        words.append({tuple(ids[i:j].tolist()) for i, j in pairwise(begins)})
    return words


@pytest.fixture(scope="module")
def spelling(corpus_shard):
    """Words by their hash."""
    table = count_word_frequencies([corpus_shard])
    return dict(
        zip(table["hash"].to_pylist(), map(tuple, table["input_ids"].to_pylist()), strict=True)
    )


def test_word_frequencies(passages, corpus_shard):
    expected = Counter(word for words in passages for word in words)
    table = count_word_frequencies([corpus_shard]).to_pylist()
    assert {tuple(row["input_ids"]): row["passages"] for row in table} == expected
    for row in table:
        assert row["idf"] == pytest.approx(math.log(len(passages) / row["passages"]), abs=1e-6)
        assert row["word_start"] == [True] + [False] * (len(row["input_ids"]) - 1)


def test_pmi_of_pairs(passages, corpus_shard, spelling):
    alone = Counter(word for words in passages for word in words)
    together = Counter(
        frozenset(pair) for words in passages for pair in combinations(sorted(words), 2)
    )
    expected = {}
    for pair, count in together.items():
        v, w = pair
        pmi = math.log(count * len(passages) / alone[v] / alone[w])
        if count >= 5 and pmi > 0:
            expected[pair] = (count, pytest.approx(pmi, abs=1e-5))
    found = {
        frozenset((spelling[row["first"]], spelling[row["second"]])): (row["passages"], row["pmi"])
        for row in count_cooccurrence([corpus_shard]).to_pylist()
    }
    assert len(found) > 20
    assert found == expected


def test_counts_do_not_depend_on_shards(corpus_batch, corpus_shard, write_shard, tmp_path):
    parts = [
        write_shard(tmp_path / f"{begin}.arrow", [TokenBatch(corpus_batch.tokens.slice(begin, 40))])
        for begin in (80, 0, 40)
    ]
    for count in (count_word_frequencies, count_cooccurrence):
        assert count(parts).equals(count([corpus_shard]))


def test_a_large_corpus_is_counted_in_part(corpus_batch, corpus_shard, write_shard, tmp_path):
    kept = corpus_batch.tokens.take(np.flatnonzero(corpus_batch.rows % 3 == 0))
    part = write_shard(tmp_path / "part.arrow", [TokenBatch(kept)])
    table = count_cooccurrence([corpus_shard], minimum_count=2, most_passages=40)
    assert len(table) > 20
    assert table.equals(count_cooccurrence([part], minimum_count=2))


@pytest.fixture
def counted(tmp_path, write_shard):
    """Statistics of a corpus in which 1 and 2 go together, and 9 is everywhere."""
    random = np.random.default_rng(0)
    rows = [[9, *([1, 2] if i % 4 == 0 else []), *random.integers(20, 60, 6)] for i in range(200)]
    shard = write_shard(tmp_path / "shard.arrow", [TokenBatch.from_lists(rows)])
    for statistic in ("word-frequencies", "cooccurrence"):
        count_statistics(statistic, [shard], tmp_path / f"{statistic}.arrow")
    return tmp_path


def test_words_are_drawn_by_their_pmi_with_the_rest(counted):
    policy = InformativeWords(specs.InformativeWords(kind="informative", rate=0.3), counted)
    batch = TokenBatch.from_lists([[9, 1, 500, 2, 501, 9]] * 300)
    mask = policy.decide(batch, Address(0, "corpus", "informative", 0)).mask.reshape(300, 6)
    # Only 1 and 2 say anything about each other, and both are within the budget of 2.
    assert mask[:, [1, 3]].all()
    assert not mask[:, [0, 2, 4, 5]].any()


def test_weights_are_sums_over_the_row(counted):
    pairs = read_table(counted / "cooccurrence.arrow")
    policy = InformativeWords(specs.InformativeWords(kind="informative", rate=0.15), counted)
    rows = 4000
    words = [1, 2, *range(20, 26)]
    hashes = dict(zip(*(_words(counted, column) for column in ("input_ids", "hash")), strict=True))
    weights = defaultdict(float)
    for pair in pairs.to_pylist():
        for v, w in combinations(words, 2):
            if {pair["first"], pair["second"]} == {hashes[v], hashes[w]}:
                weights[v] += pair["pmi"]
                weights[w] += pair["pmi"]
    expected = np.array([weights[word] for word in words])
    batch = TokenBatch.from_lists([words] * rows)
    mask = policy.decide(batch, Address(0, "corpus", "informative", 0)).mask.reshape(rows, -1)
    assert (mask.sum(axis=1) == 1).all()
    assert mask.mean(axis=0) == pytest.approx(expected / expected.sum(), abs=0.03)


def _words(folder, column):
    values = read_table(folder / "word-frequencies.arrow")[column].to_pylist()
    return [value[0] if isinstance(value, list) else value for value in values]


def test_words_are_drawn_by_idf(counted):
    policy = RareWords(specs.RareWords(kind="idf", rate=0.3), counted)
    rows = 4000
    batch = TokenBatch.from_lists([[9, 1, 20, 500]] * rows)
    mask = policy.decide(batch, Address(0, "corpus", "idf", 0)).mask.reshape(rows, 4)
    frequencies = read_table(counted / "word-frequencies.arrow")
    passages = dict(
        zip(_words(counted, "input_ids"), frequencies["passages"].to_pylist(), strict=True)
    )
    idf = np.array(
        [
            0,
            math.log(200 / 50),
            math.log(200 / passages[20]),
            math.log(200 / min(passages.values())),
        ]
    )
    assert (mask.sum(axis=1) == 1).all()
    assert mask.mean(axis=0) == pytest.approx(idf / idf.sum(), abs=0.03)


def test_missing_statistics_are_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"word-frequencies\.arrow"):
        RareWords(specs.RareWords(kind="idf"), tmp_path)
