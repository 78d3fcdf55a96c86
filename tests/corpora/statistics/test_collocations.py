"""Counted collocations against a count by hand, and PMI-Masking's units."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from numba import njit
from support.heuristic_cases import batches, masked_units, per_row

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.collocations import count_collocations, vocabulary
from maskpolicy.corpora.statistics.ngrams import (
    Tally,
    contains,
    count_keys,
    hash_table,
    key_set,
    may_contain,
)
from maskpolicy.corpora.statistics.registry import count_statistics
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.correlated_spans import CorrelatedSpans

MINIMUM = 4


def sentences_of(batch):
    """Lists of words, which are tuples of token ids."""
    columns = (batch.input_ids, batch.word_start, batch.sentence_start)
    for ids, words, sentences in zip(*(per_row(batch, c) for c in columns), strict=True):
        sentence = []
        for token, begins_word, begins_sentence in zip(ids.tolist(), words, sentences, strict=True):
            if begins_sentence and sentence:
                yield sentence
                sentence = []
            if begins_word:
                sentence.append(())
            sentence[-1] += (token,)
        yield sentence


def segmentations(ngram):
    yield [ngram]
    for i in range(1, len(ngram)):
        for rest in segmentations(ngram[i:]):
            yield [ngram[:i], *rest]


def test_pmi_is_that_of_the_paper_s_equation(corpus_batch, corpus_shard):
    counts = {n: Counter() for n in range(1, 6)}
    for sentence in sentences_of(corpus_batch):
        for n in counts:
            counts[n].update(tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1))
    totals = {n: sum(counts[n].values()) for n in counts}

    def log_p(ngram):
        return math.log(counts[len(ngram)][ngram] / totals[len(ngram)])

    expected = {}
    for n in range(2, 6):
        for ngram, count in counts[n].items():
            if count >= MINIMUM:
                pmi = log_p(ngram) - max(
                    sum(map(log_p, parts)) for parts in segmentations(ngram) if len(parts) > 1
                )
                if pmi > 0:
                    expected[ngram] = (count, pytest.approx(pmi, abs=1e-5))

    table = count_collocations([corpus_shard], MINIMUM).to_pylist()
    found = {}
    for row in table:
        starts = [i for i, start in enumerate(row["word_start"]) if start]
        words = [tuple(row["input_ids"][i:j]) for i, j in pairwise([*starts, None])]
        assert len(words) == row["n"]
        found[tuple(words)] = (row["count"], row["pmi"])
    assert len(found) > 20
    assert {len(ngram) for ngram in found} >= {2, 3}
    assert found == expected
    ranks = [(row["n"], -row["pmi"]) for row in table]
    assert ranks == sorted(ranks)


def test_counts_do_not_depend_on_shards(corpus_batch, corpus_shard, write_shard, tmp_path):
    whole = count_collocations([corpus_shard], MINIMUM)
    parts = []
    for number, (begin, end) in enumerate([(70, 120), (0, 20), (20, 70)]):
        rows = corpus_batch.tokens
        cut = [TokenBatch(rows.slice(i, min(15, end - i))) for i in range(begin, end, 15)]
        parts.append(write_shard(tmp_path / f"shard-{number}.arrow", cut))
    assert count_collocations(parts, MINIMUM).equals(whole)


def test_a_corpus_without_collocations(write_shard, tmp_path):
    shard = write_shard(tmp_path / "shard.arrow", [TokenBatch.from_lists([[1, 2, 3], []])])
    table = count_collocations([shard])
    assert len(table) == 0
    write_table(tmp_path / "collocations.arrow", table)
    policy = CorrelatedSpans(specs.CorrelatedSpans(kind="pmi"), tmp_path)
    batch = TokenBatch.from_lists([[1, 2, 3]])
    assert np.count_nonzero(policy.decide(batch, Address(0, "corpus", "pmi", 0)).mask) == 1


def test_a_vocabulary_has_the_paper_s_shares_of_each_length():
    n = np.repeat(np.array([2, 3, 4, 5], np.uint8), 10)
    table = pa.table({"n": n, "hash": np.arange(40, dtype=np.uint64)})
    assert vocabulary(table, 8).tolist() == [0, 1, 2, 3, 10, 11, 20, 30]
    assert len(vocabulary(table, 800)) == 40


@pytest.fixture
def own_vocabulary(tmp_path, write_shard):
    """A policy whose vocabulary is 1 2, 3 4, 1 2 3 and whatever else the corpus below has."""

    def make(text, rate):
        batch = TokenBatch.from_lists(text, rows=range(len(text)))
        shard = write_shard(tmp_path / "shard.arrow", [batch])
        write_table(tmp_path / "collocations.arrow", count_collocations([shard], 10))
        return CorrelatedSpans(specs.CorrelatedSpans(kind="pmi", rate=rate), tmp_path)

    return make


def test_collocations_are_masked_as_units_longest_first(own_vocabulary):
    random = np.random.default_rng(0)
    filler = random.integers(50, 2000, (400, 8)).tolist()
    policy = own_vocabulary(
        [[*row[:4], 1, 2, *([3] if i % 2 else [4]), *row[4:]] for i, row in enumerate(filler)], 0.1
    )
    rows = [[60, 61, 1, 2, 3, 62, 63, 1, 2, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74]] * 1500
    batch = TokenBatch.from_lists(rows)
    mask = policy.decide(batch, Address(0, "corpus", "pmi", 0)).mask.reshape(1500, 20)
    assert (mask[:, 2:5].sum(axis=1) % 3 == 0).all()  # 1 2 3, though 1 2 is one too
    assert (mask[:, 7] == mask[:, 8]).all()  # 1 2
    masked = mask.sum(axis=1)
    assert masked.min() == 2 and masked.max() == 4
    # The first draw is uniform over the 17 units.
    alone = mask[:, 2] & (masked == 3)
    assert alone.mean() == pytest.approx(1 / 17, abs=0.03)


def test_of_overlapping_collocations_a_random_one_is_a_unit(own_vocabulary):
    random = np.random.default_rng(0)
    filler = random.integers(50, 2000, (400, 8)).tolist()
    policy = own_vocabulary(
        [[*row[:4], *([1, 2] if i % 2 else [2, 3]), *row[4:]] for i, row in enumerate(filler)], 0.3
    )
    batch = TokenBatch.from_lists([[1, 2, 3]] * 900)
    mask = policy.decide(batch, Address(0, "corpus", "pmi", 0)).mask.reshape(900, 3)
    masks = Counter(map(tuple, mask.tolist()))
    assert set(masks) == {(1, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 0)}
    assert min(masks.values()) > 900 / 4 * 0.8


@settings(max_examples=20, deadline=None)
@given(batch=batches)
def test_budget_in_words(statistics, batch):
    spec = specs.CorrelatedSpans(kind="pmi", rate=0.3)
    mask = CorrelatedSpans(spec, statistics).decide(batch, Address(0, "corpus", "pmi", 0)).mask
    for flags, row in zip(per_row(batch, batch.word_start), per_row(batch, mask), strict=True):
        words = masked_units(flags, row)
        least = min(max(1, int(0.3 * len(words) + 0.5)), max(len(words) - 1, 0))
        assert least <= np.count_nonzero(words) <= max(least - 1, 0) + 5


def test_the_fixture_has_collocations(statistics):
    assert len(read_table(statistics / "collocations.arrow")) > 10


def test_tally_counts_whatever_the_parts():
    random = np.random.default_rng(1)
    parts = [random.integers(0, 50, n).astype(np.uint64) for n in (7, 0, 30, 3, 100, 1, 1, 60)]
    tally = Tally()
    for part in parts:
        tally.add(part)
    keys, counts = np.unique(np.concatenate(parts), return_counts=True)
    assert np.array_equal(tally.result(1)[0], keys)
    assert np.array_equal(tally.result(5)[1], counts[counts >= 5])


@pytest.mark.parametrize("most", [1, 2, 7, 49, 1 << 25])
def test_keys_are_counted_in_as_many_readings_as_memory_takes(most, monkeypatch):
    random = np.random.default_rng(1)
    highest = np.array([2**64 - 1, 2**64 - 2, 0, 2**63], np.uint64)
    parts = [random.integers(0, 50, n).astype(np.uint64) for n in (7, 0, 30, 3, 100)] + [highest]
    readings = 0
    monkeypatch.setattr("maskpolicy.corpora.statistics.ngrams.MOST_KEYS", most)

    def read():
        nonlocal readings
        readings += 1
        return parts

    found = count_keys(read, 1)
    keys, counts = np.unique(np.concatenate(parts), return_counts=True)
    assert np.array_equal(found[0], keys) and np.array_equal(found[1], counts)
    assert len(keys) / most <= readings <= 2 * len(keys) / most + 1
    assert count_keys(read, 5)[0].tolist() == keys[counts >= 5].tolist()


@pytest.mark.parametrize("statistic", ["collocations", "word-frequencies", "cooccurrence"])
def test_statistics_are_the_same_however_often_the_corpus_is_read(
    statistic, corpus_shard, tmp_path, monkeypatch
):
    made = []
    for name, most in (("once", 1 << 25), ("often", 20)):
        monkeypatch.setattr("maskpolicy.corpora.statistics.ngrams.MOST_KEYS", most)
        count_statistics(statistic, [corpus_shard], tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert len(read_table(tmp_path / "once")) > 10


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_hash_tables_have_free_slots(n):
    table = hash_table(np.arange(n, dtype=np.uint64) << np.uint64(40))
    assert np.count_nonzero(table.slots < 0) > n // 2
    assert sorted(table.slots[table.slots >= 0]) == list(range(n))


@njit
def look_up(keys, asked):
    return (
        np.array([contains(keys, key) for key in asked]),
        np.array([may_contain(keys, key) for key in asked]),
    )


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
@pytest.mark.parametrize("shift", [0, 40])
def test_key_sets_know_their_keys(n, shift):
    random = np.random.default_rng(n)
    every = np.unique(random.integers(1, 1 << 24, 3 * n + 10).astype(np.uint64)) << np.uint64(shift)
    keys = random.permutation(every)[:n]
    found, likely = look_up(key_set(keys), every)
    assert np.array_equal(found, np.isin(every, keys))
    assert likely[found].all()


def test_a_key_set_answers_most_questions_without_looking():
    random = np.random.default_rng(0)
    keys, others = random.integers(1, 1 << 63, (2, 5000)).astype(np.uint64)
    assert look_up(key_set(keys), others)[1].mean() < 0.1
