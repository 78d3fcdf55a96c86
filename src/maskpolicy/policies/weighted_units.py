"""Weighted sampling of words without replacement."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import budget_of, find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.randomness import draw, stream, uniform

_LARGEST = np.int64(np.iinfo(np.int64).max)


def choose_words(
    batch: TokenBatch, weights: np.ndarray, rate: float, address: Address
) -> Decisions:
    """Mask the budget of each row (see `budget_of`) in whole words, drawn one by one by weight.

    weights float64 [T] >= 0: a word has that of its first token. Words of weight 0 are never
    drawn: where fewer others than the budget are left, those are masked.
    """
    mask = np.zeros(len(batch.input_ids), np.bool_)
    _choose_words(address.key(), batch.rows, batch.offsets, batch.word_start, weights, rate, mask)
    return Decisions(mask)


@njit(cache=True)
def _choose_words(key, rows, offsets, flags, weights, rate, mask):
    """Each word runs an exponential race at its weight; the first of them win.

    Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
    """
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    runners = np.empty(longest + 1, np.int32)
    times = np.empty(longest + 1, np.float64)
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        n = find_units(flags, first, last, bounds)
        random = stream(key, rows[b])
        running = 0
        for u in range(n):
            weight = weights[first + bounds[u]]
            if weight > 0:
                times[running] = np.abs(np.log(1.0 - uniform(draw(random, u)))) / weight
                runners[running] = u
                running += 1
        slowest = _smallest(times.view(np.int64), running, budget_of(rate, n))
        for r in range(running):
            if times.view(np.int64)[r] <= slowest:
                u = runners[r]
                for i in range(first + bounds[u], first + bounds[u + 1]):
                    mask[i] = True


@njit(cache=True, inline="always")
def _smallest(numbers, n, count):
    """A bound that the `count` smallest of int64 numbers[:n], and their equals, do not exceed.

    Numbers are those of floats >= 0, whose bits order as they do. The bound is found bit by bit,
    the highest first: that counts all numbers several times, but without a branch on any.
    """
    if count == 0:
        return np.int64(-1)
    if count >= n:
        return _LARGEST
    bound = np.int64(0)
    for bit in range(62, -1, -1):
        trial = bound | (np.int64(1) << np.int64(bit))
        below = 0
        for i in range(n):
            below += numbers[i] < trial
        if below == count:
            return trial - np.int64(1)
        if below < count:
            bound = trial
    return bound
