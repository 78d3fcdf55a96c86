"""What arms score over several tasks: rliable's aggregates (Agarwal et al. 2021), from few runs.

"Deep Reinforcement Learning at the Edge of the Statistical Precipice". Bootstrap samples are
stratified: runs are drawn anew within each task, for the tasks are those that they are.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import trim_mean

from maskpolicy.randomness import key
from maskpolicy.records import JsonRecord
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING

RESAMPLES = 4000

FEWEST = 3
"""Runs; intervals of two hold the true value two times in three, and a third have no width."""


class Aggregate(JsonRecord):
    """An estimate, and its interval over samples of runs.

    None of fewer than FEWEST runs, and where all samples are alike. Percentiles are expanded
    (Hesterberg 2015) by the degrees of freedom of runs within tasks: rliable's plain ones cover .82
    of interquartile means of three runs, and these .88, for .95.
    """

    estimate: float
    interval: tuple[float, float] | None


def interquartile_mean(scores: np.ndarray) -> Aggregate:
    """Mean of the middle half of all scores, float64 [runs, tasks]."""
    return _aggregate(lambda some: trim_mean(some.reshape(*some.shape[:-2], -1), 0.25, -1), scores)


def probability_of_improvement(first: np.ndarray, second: np.ndarray) -> Aggregate:
    """How likely a run of `first` scores above one of `second` on a task drawn at random.

    float64 [runs, tasks] each, unpaired; equal scores count half.
    """

    def probability(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        difference = some[..., :, None, :] - others[..., None, :, :]
        wins = (difference > ROUNDING) + 0.5 * (np.abs(difference) <= ROUNDING)
        return wins.mean(axis=(-3, -2, -1))

    return _aggregate(probability, first, second)


def _aggregate(estimate: Callable[..., np.ndarray], *arms: np.ndarray) -> Aggregate:
    """`estimate` takes what each arm scores, [..., runs, tasks]."""
    random = np.random.Generator(np.random.Philox(key=int(key(0, "runs within tasks"))))
    samples = []
    for scores in arms:
        drawn = random.integers(0, len(scores), (RESAMPLES, *scores.shape))
        samples.append(np.take_along_axis(scores[None], drawn, axis=1))
    interval = None
    values = estimate(*samples)
    if (runs := min(map(len, arms))) >= FEWEST and np.ptp(values) > ROUNDING:
        degrees = sum((len(scores) - 1) * scores.shape[1] for scores in arms)
        t = stdtrit(degrees, (1 - CONFIDENCE) / 2)
        share = ndtr((runs / (runs - 1)) ** 0.5 * t)
        low, high = np.quantile(values, [share, 1 - share])
        interval = float(low), float(high)
    return Aggregate(estimate=float(estimate(*arms)), interval=interval)
