"""The collocations of a corpus: n-grams of words that occur together more often than by chance."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.corpora.shards import read_token_batches
from maskpolicy.corpora.specs import LARGEST_VOCABULARY
from maskpolicy.corpora.statistics.ngrams import (
    HashTable,
    columns_of,
    count_keys,
    find,
    hash_ngram,
    hash_table,
    hash_words,
    sentence_ends,
    spell,
)
from maskpolicy.corpora.units import longest_row

SHARES = {2: 1 / 2, 3: 1 / 4, 4: 1 / 8, 5: 1 / 8}
"""Share of each length of n-grams in a vocabulary (Levine et al. 2021, section 3.3)."""

LONGEST = max(SHARES)


def count_collocations(shards: Sequence[Path], minimum_count: int = 10) -> pa.Table:
    """The best collocations of the token shards of a corpus (Levine et al. 2021, PMI-Masking).

    Candidates are the n-grams of 2 to 5 words that occur `minimum_count` times; an n-gram is
    counted only where both its (n - 1)-grams are candidates: no other could be one, and it saves
    memory. They are ranked, each length by itself, by equation 3 of the paper:

        PMI_n(w) = min log(p(w) / prod p(s_i)) over the segmentations s of w into shorter n-grams

    with p the count over the number of n-grams of that length. Those above 0 are kept, the best of
    each length, up to its share of LARGEST_VOCABULARY.

    Memory holds the candidates, 80 bytes each, and MOST_KEYS n-grams while they are counted: of
    more the corpus is read several times.

    Columns, sorted by n and, best first, PMI: n uint8, count int64, pmi float32 (nats), hash
    uint64, input_ids list<uint32>, word_start list<bool>. The same for every cut of the corpus into
    shards. Raises ArtefactError, naming the file, when a shard is missing or damaged.
    """
    keys: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    totals: list[int] = []
    for n in range(1, LONGEST + 1):
        shorter = hash_table(keys[-1] if keys else np.empty(0, np.uint64))
        total = 0

        def read(n: int = n, shorter: HashTable = shorter) -> Iterator[np.ndarray]:
            nonlocal total
            total = 0
            for shard in shards:
                for batch in read_token_batches(shard):
                    ngrams, positions = _ngrams(columns_of(batch), n, shorter)
                    total += positions
                    yield ngrams

        candidates = count_keys(read, minimum_count)
        keys.append(candidates[0])
        counts.append(candidates[1])
        totals.append(max(total, 1))

    tables = tuple(hash_table(candidates) for candidates in keys)
    log_p = tuple(np.log(count / total) for count, total in zip(counts, totals, strict=True))
    pmi = tuple(np.full(len(candidates), np.nan) for candidates in keys)
    for shard in shards:
        for batch in read_token_batches(shard):
            _score(columns_of(batch), tables, log_p, pmi)

    parts = []
    for n, share in SHARES.items():
        best = np.lexsort((keys[n - 1], -pmi[n - 1]))  # equals in the order of their hashes
        best = best[pmi[n - 1][best] > 0][: int(share * LARGEST_VOCABULARY)]
        ngrams = keys[n - 1][best]
        parts.append(
            pa.table(
                {
                    "n": pa.array(np.full(len(best), n, np.uint8)),
                    "count": counts[n - 1][best],
                    "pmi": pmi[n - 1][best].astype(np.float32),
                    "hash": ngrams,
                    **spell(shards, n, ngrams),
                }
            )
        )
    return pa.concat_tables(parts)


def vocabulary(collocations: pa.Table, size: int) -> np.ndarray:
    """The masking vocabulary, hashes uint64: the best of each length, at most `size`, in SHARES."""
    lengths = collocations["n"].to_numpy()
    hashes = collocations["hash"].to_numpy()
    best = [hashes[lengths == n][: int(share * size)] for n, share in SHARES.items()]
    return np.concatenate(best)


@njit(cache=True)
def _ngrams(columns, n, shorter):
    """Hashes of the n-grams whose (n - 1)-grams are in `shorter`; and how many there are of any."""
    input_ids, offsets, word_flags, sentence_flags = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    ngrams = np.empty(len(input_ids), np.uint64)
    m, positions = 0, 0
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        count = hash_words(input_ids, word_flags, first, last, bounds, words)
        sentence_ends(sentence_flags, first, count, bounds, ends)
        for u in range(count):
            if u + n > ends[u]:
                continue
            positions += 1
            if n == 1 or (
                find(shorter, hash_ngram(words, u, u + n - 1)) >= 0
                and find(shorter, hash_ngram(words, u + 1, u + n)) >= 0
            ):
                ngrams[m] = hash_ngram(words, u, u + n)
                m += 1
    return ngrams[:m], positions


@njit(cache=True)
def _score(columns, tables, log_p, pmi):
    """Fill in the PMI of every candidate n-gram of the batch that has none (NaN) yet."""
    input_ids, offsets, word_flags, sentence_flags = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    likeliest = np.empty(len(tables) + 1, np.float64)
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        count = hash_words(input_ids, word_flags, first, last, bounds, words)
        sentence_ends(sentence_flags, first, count, bounds, ends)
        for u in range(count):
            for n in range(2, min(len(tables), ends[u] - u) + 1):
                index = find(tables[n - 1], hash_ngram(words, u, u + n))
                if index < 0:
                    break  # nor is any longer one a candidate
                if not np.isnan(pmi[n - 1][index]):
                    continue
                # The likeliest segmentation of each beginning of the n-gram gives the least PMI.
                likeliest[0] = 0.0
                for end in range(1, n + 1):
                    likeliest[end] = -np.inf
                    for begin in range(end):
                        size = end - begin
                        if size < n:
                            part = find(tables[size - 1], hash_ngram(words, u + begin, u + end))
                            score = likeliest[begin] + log_p[size - 1][part]
                            likeliest[end] = max(likeliest[end], score)
                pmi[n - 1][index] = log_p[n - 1][index] - likeliest[n]
