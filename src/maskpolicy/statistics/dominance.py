"""Almost stochastic order: whether one arm's runs score higher as a whole, not on the mean alone.

Del Barrio et al. 2018, "An Optimal Transportation Approach for Assessing Almost Stochastic Order";
for neural models Dror et al. 2019, "Deep Dominance"; computed as deepsig 1.2.8 does (Ulmer et al.
2022).
"""

import numpy as np
from scipy.special import ndtri

from maskpolicy.statistics.paired import CONFIDENCE

RESAMPLES = 1000
STEP = 0.005
"""Of the integral over quantiles."""

BETTER = 0.2
"""Below it an arm is better (Ulmer et al. 2022). The theory allows .5, below which a quarter of the
studies stay that have three runs and no difference."""


def almost_stochastic_order(
    first: np.ndarray, second: np.ndarray, *, comparisons: int = 1, seed: int = 0
) -> float:
    """The upper bound, in [0, 1], of how far `first` is from scoring higher at every quantile.

    float64 [n] and [m] scores of runs; with several `comparisons` the bound is that of Bonferroni.
    Of equal samples it is at least .5. The draws are a function of `seed`.
    """
    observed = violation_ratio(first, second)
    random = np.random.default_rng(seed)
    samples = [
        violation_ratio(random.choice(first, len(first)), random.choice(second, len(second)))
        for _ in range(RESAMPLES)
    ]
    below = (1 - CONFIDENCE) / comparisons
    return float(np.clip(observed - np.std(samples) * ndtri(below), 0, 1))


def violation_ratio(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the squared Wasserstein distance where `second` is above; .5 of equal samples."""
    quantiles = np.arange(STEP, 1, STEP)
    difference = _at(second, quantiles) - _at(first, quantiles)
    distance = float((difference**2).sum())
    # As deepsig, which leaves the first step out of the violations.
    above = np.maximum(difference[1:], 0)
    return float((above**2).sum()) / distance if distance else 0.5


def _at(scores: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    places = np.ceil(len(scores) * quantiles).astype(int) - 1
    return np.sort(scores)[np.clip(places, 0, len(scores) - 1)]
