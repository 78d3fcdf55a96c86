"""What arms score over several tasks: rliable's aggregates (Agarwal et al. 2021), from few runs.

"Deep Reinforcement Learning at the Edge of the Statistical Precipice". Bootstrap samples are
stratified: runs are drawn anew within each task, for the tasks are those that they are.
"""

import numpy as np
from scipy.special import stdtrit
from scipy.stats import trim_mean

from maskpolicy.randomness import key
from maskpolicy.records import JsonRecord
from maskpolicy.statistics.bootstrap import RESAMPLES, expanded_percentiles
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING

FEWEST = 3
"""Runs; intervals of two hold the true value two times in three, and a third have no width."""


class Aggregate(JsonRecord):
    """An estimate, and its interval over samples of runs.

    None of fewer than FEWEST runs, and where all samples are alike.
    """

    estimate: float
    interval: tuple[float, float] | None


def interquartile_mean(scores: np.ndarray) -> Aggregate:
    """Mean of the middle half of all scores, float64 [runs, tasks].

    The interval is estimate ± t · error, for rliable's plain percentiles cover .82 of the true
    values of three runs for .95, and expanded ones .88: which scores stand in the middle half may
    be those of few tasks. So each task's part of the error is that of samples of its runs alone,
    and the degrees of freedom are those of all parts together (Satterthwaite 1946).
    """
    estimate = float(_iqm(scores))
    runs, tasks = scores.shape
    if runs < FEWEST:
        return Aggregate(estimate=estimate, interval=None)
    drawn = _samples(scores, _random())
    parts = []
    for task in range(tasks):
        samples = np.repeat(scores[None], RESAMPLES, axis=0)
        samples[:, :, task] = drawn[:, :, task]
        parts.append(_iqm(samples).var() * runs / (runs - 1))
    variance = sum(parts)
    if variance**0.5 <= ROUNDING:
        return Aggregate(estimate=estimate, interval=None)
    degrees = (runs - 1) * variance**2 / sum(part**2 for part in parts)
    half = float(stdtrit(degrees, (1 + CONFIDENCE) / 2) * variance**0.5)
    return Aggregate(estimate=estimate, interval=(estimate - half, estimate + half))


def probability_of_improvement(first: np.ndarray, second: np.ndarray) -> Aggregate:
    """How likely a run of `first` scores above one of `second` on a task drawn at random.

    float64 [runs, tasks] each, unpaired; equal scores count half. Percentiles of samples of both
    are expanded by the degrees of freedom of runs within tasks.
    """
    random = _random()
    values = _wins(_samples(first, random), _samples(second, random))
    interval = None
    if (runs := min(len(first), len(second))) >= FEWEST and np.ptp(values) > ROUNDING:
        degrees = sum((len(scores) - 1) * scores.shape[1] for scores in (first, second))
        interval = expanded_percentiles(values, runs, degrees)
    return Aggregate(estimate=float(_wins(first, second)), interval=interval)


def _iqm(scores: np.ndarray) -> np.ndarray:
    """Of [..., runs, tasks]."""
    return trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1)


def _wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The share of pairs of runs, [..., runs, tasks] each, that `first` wins."""
    difference = first[..., :, None, :] - second[..., None, :, :]
    wins = (difference > ROUNDING) + 0.5 * (np.abs(difference) <= ROUNDING)
    return wins.mean(axis=(-3, -2, -1))


def _random() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=int(key(0, "runs within tasks"))))


def _samples(scores: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Runs drawn anew within each task, [RESAMPLES, runs, tasks]."""
    drawn = random.integers(0, len(scores), (RESAMPLES, *scores.shape))
    return np.take_along_axis(scores[None], drawn, axis=1)
