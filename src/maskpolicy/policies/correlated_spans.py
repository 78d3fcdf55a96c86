"""PMI-Masking: collocations and the words between them, masked as units."""

from pathlib import Path

import numpy as np
from numba import njit

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.statistics.collocations import LONGEST, vocabulary
from maskpolicy.corpora.statistics.ngrams import columns_of, extend, find, hash_words, sentence_ends
from maskpolicy.corpora.units import budget_of, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.randomness import below, draw, stream


class CorrelatedSpans:
    """Collocations of 2 to 5 words masked as units (Levine et al. 2021, PMI-Masking, section 3).

    A row is cut into units: first the collocations of 5 words, then those of 4 and so on, where two
    of a length overlap a random one; every other word is a unit. Units are drawn uniformly without
    replacement until the budget is reached.

    Budget: `rate` of the words (see `budget_of`) or up to 4 words more, as no unit is split.
    """

    def __init__(self, spec: specs.CorrelatedSpans, statistics: Path) -> None:
        self.rate = spec.rate
        collocations = read_table(statistics / "collocations.arrow")
        self.vocabulary = vocabulary(collocations, spec.vocabulary_size)

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole units."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_units(
            address.key(), batch.rows, columns_of(batch), self.vocabulary, self.rate, mask
        )
        return Decisions(mask)


@njit(cache=True)
def _choose_units(key, rows, columns, vocabulary, rate, mask):
    input_ids, offsets, word_flags, sentence_flags = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    matches = np.empty((LONGEST + 1, longest + 1), np.int32)  # words that begin one of n words
    found = np.empty(LONGEST + 1, np.int32)  # how many do
    begins = np.empty(longest + 1, np.int32)  # of the units
    sizes = np.empty(longest + 1, np.int32)  # words of the unit that begins at a word, 0 inside one

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        count = hash_words(input_ids, word_flags, first, last, bounds, words)
        sentence_ends(sentence_flags, first, count, bounds, ends)
        random = stream(key, rows[b])
        counter = 0
        sizes[:count] = 1
        found[:] = 0
        for u in range(count):
            ngram = words[u]
            for n in range(2, min(LONGEST, ends[u] - u) + 1):
                ngram = extend(ngram, words[u + n - 1])
                if find(vocabulary, ngram) >= 0:
                    matches[n, found[n]] = u
                    found[n] += 1
        for n in range(LONGEST, 1, -1):
            for m in range(found[n], 0, -1):  # in random order
                chosen = below(draw(random, counter), m)
                counter += 1
                begin = matches[n, chosen]
                matches[n, chosen] = matches[n, m - 1]
                free = True
                for u in range(begin, begin + n):
                    free = free and sizes[u] == 1
                if free:
                    sizes[begin] = n
                    sizes[begin + 1 : begin + n] = 0
        units = 0
        for u in range(count):
            if sizes[u] > 0:
                begins[units] = u
                units += 1
        rest = budget_of(rate, count)
        while rest > 0 and units > 0:
            chosen = below(draw(random, counter), units)
            counter += 1
            begin = begins[chosen]
            units -= 1
            begins[chosen] = begins[units]
            end = begin + sizes[begin]
            mask[first + bounds[begin] : first + bounds[end]] = True
            rest -= end - begin
