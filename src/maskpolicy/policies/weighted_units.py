"""Weighted sampling of units without replacement."""

import numpy as np
from numba import njit

from maskpolicy.randomness import draw, uniform


@njit(cache=True)
def choose_weighted(random, weights, n, count, races, mask, bounds, first):
    """Mask `count` of the n units of a row, drawn one by one with probability ~ weights[:n] >= 0.

    Units of weight 0 are never drawn: where fewer than `count` others are left, those are masked.
    Each unit runs an exponential race at its weight; the first `count` win (Efraimidis and
    Spirakis, "Weighted random sampling with a reservoir", 2006). `races` is scratch, float64
    [>= n].
    """
    runners = 0
    for u in range(n):
        if weights[u] > 0:
            races[runners] = -np.log(1.0 - uniform(draw(random, u))) / weights[u]
            runners += 1
    if count == 0 or runners == 0:
        return
    slowest = np.inf if count >= runners else np.partition(races[:runners], count - 1)[count - 1]
    runner = 0
    for u in range(n):
        if weights[u] > 0:
            if races[runner] <= slowest:
                mask[first + bounds[u] : first + bounds[u + 1]] = True
            runner += 1
