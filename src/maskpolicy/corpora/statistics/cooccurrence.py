"""How many passages of a corpus hold a word, and how many hold two words together.

A passage is a row of the token shards. Words are those of `ngrams`: tuples of token ids.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.arrow_files import read_batches
from maskpolicy.corpora.shards import read_token_batches
from maskpolicy.corpora.statistics.ngrams import (
    columns_of,
    count_keys,
    find,
    hash_table,
    hash_words,
    spell,
)
from maskpolicy.corpora.units import longest_row

ROWS_AT_ONCE = 256
"""Whose pairs are in memory, repeated ones too: of 512 tokens each some 100 MB."""


def count_word_frequencies(shards: Sequence[Path]) -> pa.Table:
    """The words of a corpus with their inverse document frequency: log(passages / those with it).

    Columns, sorted by hash: hash uint64, passages int64, idf float32 (nats), input_ids
    list<uint32>, word_start list<bool>. The same for every cut of the corpus into shards.
    Raises ArtefactError, naming the file, when a shard is missing or damaged.
    """
    words, passages, total = _passages_of_words(shards, stride=1, minimum_count=1)
    return pa.table(
        {
            "hash": words,
            "passages": passages,
            "idf": np.log(total / passages).astype(np.float32),
            **spell(shards, 1, words),
        }
    )


def count_cooccurrence(
    shards: Sequence[Path], minimum_count: int = 5, most_passages: int = 1_000_000
) -> pa.Table:
    """The pairs of words that share passages more often than by chance (Sadeq et al. 2022).

    They are the pairs that share `minimum_count` passages and whose pointwise mutual information,
    with p the share of passages that hold a word or both, is above 0:

        PMI(v, w) = log(p(v, w) / (p(v) p(w)))

    Time grows with the square of the words of a passage, so of a large corpus every s-th row is
    counted, at most `most_passages`. Memory holds the words, the pairs that are kept, 60 bytes
    each, and MOST_KEYS pairs while they are counted: of more the corpus is read several times.

    Columns, sorted by the first two: first and second, the hashes of the words, uint64, the smaller
    one first; passages int64; pmi float32 (nats). The same for every cut of the corpus into shards.
    Raises ArtefactError, naming the file, when a shard is missing or damaged.
    """
    rows = sum(batch.num_rows for shard in shards for batch in read_batches(shard))
    stride = max(1, -(-rows // most_passages))
    words, alone, total = _passages_of_words(shards, stride, minimum_count)
    table = hash_table(words)

    def read() -> Iterator[np.ndarray]:
        for shard in shards:
            for batch in read_token_batches(shard):
                input_ids, offsets, *flags = columns_of(batch)
                for first in range(0, len(batch), ROWS_AT_ONCE):
                    rows = batch.rows[first : first + ROWS_AT_ONCE]
                    columns = (input_ids, offsets[first : first + len(rows) + 1], *flags)
                    yield _pairs_of_rows(columns, rows, stride, table)

    places, together = count_keys(read, minimum_count)
    first, second = places >> np.uint64(32), places & np.uint64(0xFFFFFFFF)
    pmi = np.log(together * float(total) / alone[first] / alone[second])
    kept = pmi > 0
    return pa.table(
        {
            "first": words[first[kept]],
            "second": words[second[kept]],
            "passages": together[kept],
            "pmi": pmi[kept].astype(np.float32),
        }
    )


@njit(cache=True)
def distinct(values, n):
    """Sort values[:n] and move the distinct ones to the front; return how many there are."""
    values[:n].sort()
    m = 0
    for i in range(n):
        if m == 0 or values[i] != values[m - 1]:
            values[m] = values[i]
            m += 1
    return m


def _passages_of_words(
    shards: Sequence[Path], stride: int, minimum_count: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Words in at least so many of every `stride`-th row, sorted; rows with each; and all rows."""
    total = 0

    def read() -> Iterator[np.ndarray]:
        nonlocal total
        total = 0
        for shard in shards:
            for batch in read_token_batches(shard):
                total += int(np.count_nonzero(batch.rows % stride == 0))
                yield _words_of_rows(columns_of(batch), batch.rows, stride)

    words, passages = count_keys(read, minimum_count)
    return words, passages, total


@njit(cache=True)
def _words_of_rows(columns, rows, stride):
    """The distinct words of each row, one row after the other."""
    input_ids, offsets, word_flags, _ = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    collected = np.empty(len(input_ids), np.uint64)
    m = 0
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first < last and rows[b] % stride == 0:
            count = hash_words(input_ids, word_flags, first, last, bounds, words)
            count = distinct(words, count)
            collected[m : m + count] = words[:count]
            m += count
    return collected[:m]


@njit(cache=True)
def _pairs_of_rows(columns, rows, stride, table):
    """The pairs of each row's distinct words, as places in `table`: smaller << 32 | larger."""
    input_ids, offsets, word_flags, _ = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    places = np.empty(longest + 1, np.uint64)
    pairs = np.empty(1 << 16, np.uint64)
    m = 0
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last or rows[b] % stride != 0:
            continue
        known = 0
        for u in range(hash_words(input_ids, word_flags, first, last, bounds, words)):
            place = find(table, words[u])
            if place >= 0:
                places[known] = place
                known += 1
        known = distinct(places, known)
        while m + known * known > len(pairs):
            grown = np.empty(2 * len(pairs), np.uint64)
            grown[:m] = pairs[:m]
            pairs = grown
        for u in range(known):
            for v in range(u + 1, known):
                pairs[m] = places[u] << np.uint64(32) | places[v]
                m += 1
    return pairs[:m]
