"""The units that policies mask whole: tokens, words or sentences, as positions inside a row.

The first token of a row always begins a unit, also where a word or sentence was cut in two.
"""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch

EVERY_TOKEN = np.empty(0, np.bool_)
"""Stands for the flags of a batch whose every token is a unit."""


def unit_flags(batch: TokenBatch, unit: str) -> np.ndarray:
    """Where units ("token", "word" or "sentence") begin: bool [T], or EVERY_TOKEN."""
    if unit == "token":
        return EVERY_TOKEN
    return batch.word_start if unit == "word" else batch.sentence_start


@njit(cache=True, inline="always")
def find_units(flags, first, last, bounds):
    """Fill `bounds` with the unit boundaries of the row [first, last); return the number of units.

    Unit u covers [bounds[u], bounds[u + 1]), positions within the row; bounds int32 [>= n + 1].
    """
    n = last - first
    if len(flags) == 0:
        for i in range(n):
            bounds[i] = i
        bounds[n] = n
        return n
    units = 0
    for i in range(n):
        bounds[units] = i  # written again until a unit begins, which needs no branch
        units += i == 0 or flags[first + i]
    bounds[units] = n
    return units


@njit(cache=True, inline="always")
def budget_of(rate, units):
    """Units to mask of a row: `rate` of them, rounded to nearest, at least one, and one is left.

    Nothing can be learnt from a row that is masked whole, so a row of one unit has no budget.
    """
    return min(max(1, int(np.floor(rate * units + 0.5))), max(units - 1, 0))


@njit(cache=True, inline="always")
def longest_row(offsets):
    """Tokens in the longest row of a batch: the size that a kernel's scratch arrays need."""
    longest = 0
    for b in range(len(offsets) - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return longest
