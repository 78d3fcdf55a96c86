"""Whole sentences: the first ones, or PEGASUS's principal ones."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import budget_of, find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs


class FirstSentences:
    """The first sentences of each row (Ye et al. 2021, section 4.1, "MaskFirstSent").

    Budget: exactly `rate` of the sentences (see `budget_of`); a row of one sentence is dropped.
    The same in every epoch.
    """

    def __init__(self, spec: specs.MaskFirstSentences) -> None:
        self.rate = spec.rate

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly the budget of each row, in whole sentences."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_first(batch.offsets, batch.sentence_start, self.rate, mask)
        return Decisions(mask)


class GapSentences:
    """The sentences most like the rest of the row (Zhang et al. 2020, PEGASUS, section 3.1).

    A sentence scores ROUGE-1 F1 against the rest. Independent: each sentence by itself, the best
    are masked. Sequential: one after the other, so that those masked together score best against
    what is left. Original: ROUGE counts a word as often as it occurs (clipped); uniq: once. Words
    are token ids. Ties go to the later sentence, as in PEGASUS's released code.

    Budget: exactly `rate` of the sentences (see `budget_of`); a row of one sentence is dropped.
    The same in every epoch.
    """

    def __init__(self, spec: specs.GapSentences) -> None:
        self.rate = spec.rate
        self.sequential = spec.selection == "sequential"
        self.uniq = spec.counts == "uniq"

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly the budget of each row, in whole sentences."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        if len(mask):
            _choose_principal(
                batch.offsets,
                batch.sentence_start,
                batch.input_ids,
                int(batch.input_ids.max()) + 1,
                self.rate,
                self.sequential,
                self.uniq,
                mask,
            )
        return Decisions(mask)


@njit(cache=True)
def _choose_first(offsets, flags, rate, mask):
    bounds = np.empty(longest_row(offsets) + 1, np.int32)
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        if first < last:
            sentences = find_units(flags, first, last, bounds)
            for i in range(first, first + bounds[budget_of(rate, sentences)]):
                mask[i] = True


@njit(cache=True, inline="always")
def _add_words(words, everywhere, candidate, uniq):
    """Add words to the candidate; return by how much its overlap with the rest of the row grows."""
    growth = 0
    for word in words:
        before = candidate[word]
        rest = everywhere[word] - before
        if uniq:
            growth += (rest > 1) - (before > 0 and rest > 0)
        else:
            growth += min(before + 1, rest - 1) - min(before, rest)
        candidate[word] = before + 1
    return growth


@njit(cache=True, inline="always")
def _remove_words(words, candidate):
    for word in words:
        candidate[word] -= 1


@njit(cache=True)
def _choose_principal(
    offsets,
    flags,
    input_ids,
    vocabulary_size,
    rate,
    sequential,
    uniq,
    mask,
):
    # With c words in the candidate, r in the rest of the row and o in both, F1 is 2 o / (c + r).
    # c + r is the length of the row (original), or o more than its number of distinct words (uniq),
    # whatever the candidate. So the best F1 is the largest overlap.
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    everywhere = np.zeros(vocabulary_size, np.int32)  # occurrences of each word in the row
    candidate = np.zeros(vocabulary_size, np.int32)  # and in the sentences that are scored
    overlaps = np.empty(longest + 1, np.int32)

    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        sentences = find_units(flags, first, last, bounds)
        budget = budget_of(rate, sentences)
        if budget == 0:
            continue
        row = input_ids[first:last]
        for word in row:
            everywhere[word] += 1
        for chosen in range(budget):
            best = -1
            for s in range(sentences):
                if mask[first + bounds[s]]:
                    continue
                if chosen == 0 or sequential:
                    words = row[bounds[s] : bounds[s + 1]]
                    overlaps[s] = _add_words(words, everywhere, candidate, uniq)
                    _remove_words(words, candidate)
                if best < 0 or overlaps[s] >= overlaps[best]:
                    best = s
            mask[first + bounds[best] : first + bounds[best + 1]] = True
            if sequential:
                _add_words(row[bounds[best] : bounds[best + 1]], everywhere, candidate, uniq)
        for word in row:
            everywhere[word] = 0
            candidate[word] = 0
