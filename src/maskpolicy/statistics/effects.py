"""Effect sizes: differences in standard deviations of runs, with intervals."""

from math import exp, lgamma, log

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct

from maskpolicy.records import JsonRecord
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING

FARTHEST = 1e4
"""Beyond this size of t the noncentral t distribution has no numbers."""


class Effect(JsonRecord):
    """A standardised difference.

    d: of pairs Cohen's d_z, the mean difference in standard deviations of the differences; of two
    samples d_s, in the pooled standard deviation. g: without the bias of few runs (Hedges 1981).
    interval: of the true one, by inverting the noncentral t distribution (Cumming and Finch 2001);
    None where t is too large for it.
    """

    d: float
    g: float
    interval: tuple[float, float] | None


def paired_effect(first: np.ndarray, second: np.ndarray) -> Effect | None:
    """That of float64 [n] scores in pairs; None of fewer than three, and without any spread."""
    differences = first - second
    number = len(differences)
    if number < 3 or np.ptp(differences) <= ROUNDING:
        return None
    d = float(differences.mean() / differences.std(ddof=1))
    return _effect(d, number - 1, number**0.5)


def two_sample_effect(first: np.ndarray, second: np.ndarray) -> Effect | None:
    """That of float64 [n] and [m] scores; None of fewer than four in all, and without a spread."""
    n, m = len(first), len(second)
    if min(n, m) < 1 or n + m < 4:
        return None
    squares = n * first.var() + m * second.var()
    if squares <= ROUNDING**2:
        return None
    d = float((first.mean() - second.mean()) / (squares / (n + m - 2)) ** 0.5)
    return _effect(d, n + m - 2, (n * m / (n + m)) ** 0.5)


def _effect(d: float, degrees: int, root: float) -> Effect:
    """`root` is t / d."""
    # Hedges 1981, eq. 6e: gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)).
    unbiased = exp(lgamma(degrees / 2) - log(degrees / 2) / 2 - lgamma((degrees - 1) / 2))
    shifts = _shifts(d * root, degrees)
    interval = shifts and (shifts[0] / root, shifts[1] / root)
    return Effect(d=d, g=unbiased * d, interval=interval)


def _shifts(t: float, degrees: int) -> tuple[float, float] | None:
    """Between which noncentralities t is no surprise."""
    if t < 0:
        mirrored = _shifts(-t, degrees)
        return mirrored and (-mirrored[1], -mirrored[0])
    if t > FARTHEST:
        return None

    def shift(share: float) -> float | None:
        def missed(shift: float) -> float:
            return _below(t, degrees, shift) - share

        low, high = t - 1, t + 1
        while missed(low) < 0:
            low -= high - low
        while missed(high) > 0:
            high += high - low
        # Where there are no numbers for it, both ends of the search are left at once.
        if not (missed(low) >= 0 >= missed(high)):
            return None
        return float(brentq(missed, low, high))

    low, high = shift((1 + CONFIDENCE) / 2), shift((1 - CONFIDENCE) / 2)
    return None if low is None or high is None else (low, high)


def _below(t: float, degrees: int, shift: float) -> float:
    """P(T <= t) of noncentral t; by its mirror image, for which SciPy has a number everywhere."""
    return float(nct.cdf(t, degrees, shift) if shift >= 0 else nct.sf(-t, degrees, -shift))
