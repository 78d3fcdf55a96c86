"""Informative words: those that say most about the rest of their passage, or that are rare."""

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.ngrams import (
    columns_of,
    find,
    hash_table,
    hash_word,
    hash_words,
)
from maskpolicy.corpora.units import find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.weighted_units import choose_words


class InformativeWords:
    """Random words, drawn without replacement, weighted by what they say about the rest of the row.

    A word weighs the sum of its positive pointwise mutual information with every other word of the
    row, after InforMask (Sadeq et al. 2022, section 3), which scores whole masks by such sums.
    The sums take most of the time in the first epoch: a row of 100 tokens of the Factbook has some
    800 pairs that count, among 2,400 that are looked at.

    Budget: exactly `rate` of the words (see `budget_of`), or every word with a weight above 0 where
    the row has fewer of them.
    """

    def __init__(self, spec: specs.InformativeWords, statistics: Path) -> None:
        self.rate = spec.rate
        words, self.pairs = _pair_lists(read_table(statistics / "cooccurrence.arrow"))
        self.words = hash_table(words)
        # Weights do not depend on the epoch: a batch is weighed once.
        self._weights: WeakKeyDictionary[TokenBatch, np.ndarray] = WeakKeyDictionary()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words."""
        weights = self._weights.get(batch)
        if weights is None:
            weights = self._weights[batch] = np.empty(len(batch.input_ids), np.float64)
            _weigh_by_association(columns_of(batch), self.words, self.pairs, weights)
        return choose_words(batch, weights, self.rate, address)


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
        self.rarest = self.idf.max(initial=0.0)
        # Most words are one token: theirs is found without a hash.
        spelling = frequencies["input_ids"].combine_chunks()
        alone = np.diff(spelling.offsets.to_numpy()) == 1
        tokens = spelling.filter(pa.array(alone)).flatten().to_numpy()
        self.idf_of_token = np.full(tokens.max(initial=0) + 1, self.rarest, np.float32)
        self.idf_of_token[tokens] = self.idf[alone]

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words."""
        weights = np.empty(len(batch.input_ids), np.float64)
        idf = self.idf, self.idf_of_token, self.rarest
        _weigh_by_rarity(columns_of(batch), self.words, idf, weights)
        return choose_words(batch, weights, self.rate, address)


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
    return words, (offsets, other[order].astype(np.uint32), pairs["pmi"].to_numpy()[order])


@njit(cache=True)
def _weigh_by_association(columns, table, pairs, weights):
    input_ids, offsets, word_flags, _ = columns
    pair_offsets, others, pmi = pairs
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    places = np.empty(longest + 1, np.int32)
    known = np.empty(longest + 1, np.int32)
    present = np.zeros(len(table.keys), np.bool_)  # the words of the row
    sums = np.zeros(len(table.keys), np.float64)  # of their PMI with each other
    shared = np.empty(longest_row(pair_offsets) + 1, np.uint64)  # pairs of a word within the row

    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        n = hash_words(input_ids, word_flags, first, last, bounds, words)
        m = 0
        for u in range(n):
            places[u] = find(table, words[u])
            if places[u] >= 0 and not present[places[u]]:
                present[places[u]] = True
                known[m] = places[u]
                m += 1
        for word in known[:m]:
            # Unsigned, as an index that can't be negative needs no second look.
            pair, end = np.uint64(pair_offsets[word]), np.uint64(pair_offsets[word + 1])
            found = np.uint64(0)
            while pair < end:
                shared[found] = pair  # written again until it is one, which needs no branch
                found += np.uint64(present[others[pair]])
                pair += np.uint64(1)
            total = sums[word]
            for pair in shared[:found]:
                total += pmi[pair]
                sums[others[pair]] += pmi[pair]
            sums[word] = total
        for u in range(n):
            weights[first + bounds[u]] = sums[places[u]] if places[u] >= 0 else 0.0
        for word in known[:m]:
            present[word] = False
            sums[word] = 0.0


@njit(cache=True)
def _weigh_by_rarity(columns, table, idf, weights):
    input_ids, offsets, word_flags, _ = columns
    idf_of_word, idf_of_token, rarest = idf
    bounds = np.empty(longest_row(offsets) + 1, np.int32)
    for b in range(len(offsets) - 1):
        first = offsets[b]
        for u in range(find_units(word_flags, first, offsets[b + 1], bounds)):
            begin, end = first + bounds[u], first + bounds[u + 1]
            if end == begin + 1 and input_ids[begin] < len(idf_of_token):
                weights[begin] = idf_of_token[input_ids[begin]]
            else:
                place = find(table, hash_word(input_ids, begin, end))
                weights[begin] = idf_of_word[place] if place >= 0 else rarest
