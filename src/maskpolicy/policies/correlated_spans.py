"""PMI-Masking: collocations and the words between them, masked as units."""

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numba import njit

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.collocations import LONGEST, vocabulary
from maskpolicy.corpora.statistics.ngrams import (
    columns_of,
    contains,
    extend,
    hash_words,
    key_set,
    may_contain,
    sentence_ends,
)
from maskpolicy.corpora.units import budget_of, find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.randomness import below, draw, stream


class CorrelatedSpans:
    """Collocations of 2 to 5 words masked as units (Levine et al. 2021, PMI-Masking, section 3).

    A row is cut into units: first the collocations of 5 words, then those of 4 and so on, where two
    of a length overlap a random one; every other word is a unit. Units are drawn uniformly without
    replacement until the budget is reached. Most of the time goes into finding the collocations:
    every word may begin one of each length, so four hashes of it are looked up.

    Budget: `rate` of the words (see `budget_of`) or up to 4 words more, as no unit is split.
    """

    def __init__(self, spec: specs.CorrelatedSpans, statistics: Path) -> None:
        self.rate = spec.rate
        collocations = read_table(statistics / "collocations.arrow")
        self.vocabulary = key_set(vocabulary(collocations, spec.vocabulary_size))
        # Where collocations are does not depend on the epoch: a batch is searched once.
        self._begun: WeakKeyDictionary[TokenBatch, np.ndarray] = WeakKeyDictionary()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole units."""
        begun = self._begun.get(batch)
        if begun is None:
            begun = self._begun[batch] = np.zeros(len(batch.input_ids), np.uint8)
            _find_collocations(columns_of(batch), self.vocabulary, begun)
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_units(
            address.key(), batch.rows, batch.offsets, batch.word_start, begun, self.rate, mask
        )
        return Decisions(mask)


@njit(cache=True)
def _find_collocations(columns, vocabulary, begun):
    """Set bit n of `begun`, uint8 [T], at the first token of each collocation of n words."""
    input_ids, offsets, word_flags, sentence_flags = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    ngrams = np.empty(longest + 1, np.uint64)
    likely = np.empty(longest + 1, np.uint32)  # unsigned: needs no look whether it is negative
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        count = hash_words(input_ids, word_flags, first, last, bounds, words)
        sentence_ends(sentence_flags, first, count, bounds, ends)
        ngrams[:count] = words[:count]
        for n in range(2, LONGEST + 1):
            found = np.uint64(0)
            for u in range(count - n + 1):
                ngrams[u] = extend(ngrams[u], words[u + n - 1])
            for u in range(count - n + 1):
                likely[found] = u  # written again until one is, which needs no branch
                found += may_contain(vocabulary, ngrams[u]) & np.uint64(u + n <= ends[u])
            for u in likely[:found]:
                if contains(vocabulary, ngrams[u]):
                    begun[first + bounds[u]] |= 1 << n


@njit(cache=True)
def _choose_units(key, rows, offsets, flags, begun, rate, mask):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    matches = np.empty(longest + 1, np.uint32)  # words that begin a collocation of n words
    begins = np.empty(longest + 1, np.int32)  # of the units
    sizes = np.empty(longest + 1, np.int32)  # words of the unit that begins at a word, 0 inside one
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        count = find_units(flags, first, last, bounds)
        random = stream(key, rows[b])
        counter = 0
        sizes[:count] = 1
        for n in range(LONGEST, 1, -1):
            found = np.uint64(0)
            for u in range(count):
                matches[found] = u  # as above
                found += np.uint64(begun[first + bounds[u]] >> n) & np.uint64(1)
            for m in range(np.int64(found), 0, -1):  # in random order
                chosen = np.uint64(below(draw(random, counter), m))
                counter += 1
                begin = np.uint64(matches[chosen])
                matches[chosen] = matches[np.uint64(m - 1)]
                taken = np.uint64(0)
                for i in range(np.uint64(n)):
                    taken |= np.uint64(sizes[begin + i] != 1)
                if not taken:
                    for i in range(np.uint64(n)):
                        sizes[begin + i] = 0
                    sizes[begin] = n
        units = 0
        for u in range(count):
            begins[units] = u
            units += sizes[u] > 0
        rest = budget_of(rate, count)
        while rest > 0 and units > 0:
            chosen = below(draw(random, counter), units)
            counter += 1
            begin = begins[chosen]
            units -= 1
            begins[chosen] = begins[units]
            end = begin + sizes[begin]
            for i in range(first + bounds[begin], first + bounds[end]):
                mask[i] = True
            rest -= end - begin
