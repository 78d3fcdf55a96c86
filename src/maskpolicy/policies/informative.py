"""Informative words: those that say most about the rest of their passage, or that are rare."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.ngrams import columns_of, find, hash_table, hash_words
from maskpolicy.corpora.units import budget_of, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.weighted_units import choose_weighted
from maskpolicy.randomness import stream


class InformativeWords:
    """Random words, drawn without replacement, weighted by what they say about the rest of the row.

    A word weighs the sum of its positive pointwise mutual information with every other word of the
    row, after InforMask (Sadeq et al. 2022, section 3), which scores whole masks by such sums.

    Budget: exactly `rate` of the words (see `budget_of`), or every word with a weight above 0 where
    the row has fewer of them.
    """

    def __init__(self, spec: specs.InformativeWords, statistics: Path) -> None:
        self.rate = spec.rate
        words, self.pairs = _pair_lists(read_table(statistics / "cooccurrence.arrow"))
        self.words = hash_table(words)

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_by_association(
            address.key(),
            batch.rows,
            columns_of(batch),
            self.words,
            self.pairs,
            self.rate,
            mask,
        )
        return Decisions(mask)


class RareWords:
    """Random words, drawn without replacement, weighted by inverse document frequency.

    A word that the corpus lacks weighs as much as its rarest; one that every passage has, nothing.

    Budget: exactly `rate` of the words (see `budget_of`), or every word with a weight above 0 where
    the row has fewer of them.
    """

    def __init__(self, spec: specs.RareWords, statistics: Path) -> None:
        self.rate = spec.rate
        frequencies = read_table(statistics / "word-frequencies.arrow")
        self.words = hash_table(frequencies["hash"].to_numpy())
        self.idf = frequencies["idf"].to_numpy()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_by_rarity(
            address.key(), batch.rows, columns_of(batch), self.words, self.idf, self.rate, mask
        )
        return Decisions(mask)


def _pair_lists(pairs: pa.Table) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The words of the pairs, uint64 [W], and the pairs as lists of places in it, a list a word.

    Those of word w are others[offsets[w] : offsets[w + 1]], with their PMI in float32. A pair is in
    the list of its word with fewer pairs, so that no list is long.
    """
    ends = [pairs[name].to_numpy() for name in ("first", "second")]
    words, number = np.unique(np.concatenate(ends), return_counts=True)
    first, second = (np.searchsorted(words, end) for end in ends)
    swapped = number[first] > number[second]
    owner, other = np.where(swapped, second, first), np.where(swapped, first, second)
    order = np.argsort(owner, kind="stable")
    offsets = np.searchsorted(owner[order], np.arange(len(words) + 1))
    return words, (offsets, other[order], pairs["pmi"].to_numpy()[order])


@njit(cache=True)
def _choose_by_association(key, rows, columns, table, pairs, rate, mask):
    input_ids, offsets, word_flags, _ = columns
    pair_offsets, others, pmi = pairs
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    places = np.empty(longest + 1, np.int32)
    known = np.empty(longest + 1, np.int32)
    weights = np.empty(longest + 1, np.float64)
    races = np.empty(longest + 1, np.float64)
    present = np.zeros(len(table.keys), np.bool_)  # the words of the row
    sums = np.zeros(len(table.keys), np.float64)  # of their PMI with each other

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = hash_words(input_ids, word_flags, first, last, bounds, words)
        m = 0
        for u in range(n):
            places[u] = find(table, words[u])
            if places[u] >= 0 and not present[places[u]]:
                present[places[u]] = True
                known[m] = places[u]
                m += 1
        for word in known[:m]:
            for pair in range(pair_offsets[word], pair_offsets[word + 1]):
                if present[others[pair]]:
                    sums[word] += pmi[pair]
                    sums[others[pair]] += pmi[pair]
        for u in range(n):
            weights[u] = sums[places[u]] if places[u] >= 0 else 0.0
        for word in known[:m]:
            present[word] = False
            sums[word] = 0.0
        random = stream(key, rows[b])
        choose_weighted(random, weights, n, budget_of(rate, n), races, mask, bounds, first)


@njit(cache=True)
def _choose_by_rarity(key, rows, columns, table, idf, rate, mask):
    input_ids, offsets, word_flags, _ = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    weights = np.empty(longest + 1, np.float64)
    races = np.empty(longest + 1, np.float64)
    rarest = idf.max()
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = hash_words(input_ids, word_flags, first, last, bounds, words)
        for u in range(n):
            place = find(table, words[u])
            weights[u] = idf[place] if place >= 0 else rarest
        random = stream(key, rows[b])
        choose_weighted(random, weights, n, budget_of(rate, n), races, mask, bounds, first)
