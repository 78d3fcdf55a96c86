"""Many arms: p-values of several comparisons, so that one false alarm among all is rare."""

from collections.abc import Mapping, Sequence
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy.stats import dunnett as many_to_one

from maskpolicy.statistics.paired import ROUNDING


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values step by step (Holm 1979); None, where nothing was tested, stays None.

    Below a level, they are those rejected with a chance of that level of any false rejection,
    whatever the tests have in common.
    """
    tested = [i for i, p in enumerate(ps) if p is not None]
    order = sorted(tested, key=lambda i: ps[i])  # type: ignore[arg-type,return-value]
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * (ps[i] or 0.0)))
        adjusted[i] = largest
    return adjusted


def dunnett(arms: Mapping[str, np.ndarray], control: np.ndarray) -> dict[str, float]:
    """p-values of each arm against one control, for all of them together (Dunnett 1955).

    Scores of runs, float64 [n] each, are no pairs here and have one spread in common. Nothing where
    a run is alone or no spread was seen.
    """
    samples = [*arms.values(), control]
    if not arms or min(map(len, samples)) < 2 or max(map(np.ptp, samples)) <= ROUNDING:
        return {}
    random = np.random.default_rng(0)  # the integral of the distribution is a random one
    with catch_warnings():  # of an arm whose runs score the same; the spread is that of all
        simplefilter("ignore", RuntimeWarning)
        result = many_to_one(*arms.values(), control=control, rng=random)
    return dict(zip(arms, map(float, result.pvalue), strict=True))
