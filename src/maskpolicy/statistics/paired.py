"""Paired comparisons of two arms, and the spread of one.

Two views of "is A better than B?", which answer different questions. The paired t-test over seeds
asks whether the difference would hold in further runs; with three seeds it has little power. The
randomisation test over examples asks whether it would hold on further examples, given these runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy.special import stdtrit
from scipy.stats import ttest_ind, ttest_rel

CONFIDENCE = 0.95
"""Coverage of every interval."""

RANDOMISATIONS = 10_000
"""Rounds of the randomisation test; its smallest p-value is about 1e-4."""

MOST_FLIPPED = 16
"""Pairs whose signs are all flipped, in 65,536 ways."""

ROUNDING = 1e-12
"""Differences of scores up to it are floating-point noise."""


@dataclass(frozen=True)
class Summary:
    """Mean and spread of n scores; std (ddof 1) and the t interval of the mean need n >= 2."""

    mean: float
    std: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class TTest:
    """A two-sided t-test, of n pairs or, by Welch, of two samples.

    difference: mean of first - second, with its t interval; t, p: None where the test says nothing
    or, for t, where it is infinite; note: why, and what was done instead.
    """

    difference: float
    interval: tuple[float, float] | None
    t: float | None
    degrees: float  # of pairs an integer
    p: float | None
    note: str | None = None


def summarise(scores: np.ndarray) -> Summary:
    """Summarise float64 [n] scores, n >= 1."""
    mean = float(np.mean(scores))
    if len(scores) < 2:
        return Summary(mean, None, None)
    std = float(np.std(scores, ddof=1))
    half = _t_quantile(len(scores) - 1) * std / np.sqrt(len(scores))
    return Summary(mean, std, (float(mean - half), float(mean + half)))


def paired_t_test(first: np.ndarray, second: np.ndarray) -> TTest:
    """Compare scores of the same seeds, float64 [n] each (Ye et al. 2021, table 1).

    Where all differences are equal, t is 0/0 or infinite: then p is 1 for no difference, and 0 for
    a constant one, with a note, since no spread was seen and not because none exists. One pair has
    no p. Raises ValueError when the lengths differ or there is no pair.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(f"{len(first)} scores can't be paired with {len(second)}")
    differences = np.asarray(first) - np.asarray(second)
    difference = summarise(differences)
    degrees = len(differences) - 1
    if degrees == 0:
        note = "one seed: a paired t-test needs at least two"
        return TTest(difference.mean, None, None, degrees, None, note)
    if np.all(np.abs(differences) <= ROUNDING):
        return TTest(0.0, (0.0, 0.0), 0.0, degrees, 1.0, "the scores are identical")
    if np.ptp(differences) <= ROUNDING:
        mean = difference.mean
        note = "the difference is the same with every seed, so the t-test sees no spread"
        return TTest(mean, (mean, mean), None, degrees, 0.0, note)
    result = ttest_rel(first, second)
    return TTest(
        difference.mean, difference.interval, float(result.statistic), degrees, float(result.pvalue)
    )


def welch_t_test(first: np.ndarray, second: np.ndarray) -> TTest:
    """Compare scores of runs that are no pairs, float64 [n] and [m], of whatever spreads.

    As :func:`paired_t_test` where no spread was seen; an arm of one run has none.
    """
    difference = float(np.mean(first) - np.mean(second))
    if min(len(first), len(second)) < 2:
        note = "one run of an arm: a t-test needs at least two of each"
        return TTest(difference, None, None, 0, None, note)
    if max(np.ptp(first), np.ptp(second)) <= ROUNDING:
        same = abs(difference) <= ROUNDING
        note = (
            "the scores are identical" if same else "neither arm's runs differ: no spread is seen"
        )
        return TTest(difference, (difference, difference), None, 0, float(same), note)
    with catch_warnings():  # of an arm whose runs score next to the same; the other's spread counts
        simplefilter("ignore", RuntimeWarning)
        result = ttest_ind(first, second, equal_var=False)
    low, high = result.confidence_interval(CONFIDENCE)
    return TTest(
        difference,
        (float(low), float(high)),
        float(result.statistic),
        float(result.df),
        float(result.pvalue),
    )


def sign_flip_floor(runs: int) -> float:
    """The smallest p that a two-sided sign-flip test of so many pairs can have: 2 / 2^n."""
    return float(min(1.0, 2.0 ** (1 - runs)))


def sign_flip_test(first: np.ndarray, second: np.ndarray) -> float | None:
    """Exact p of float64 [n] pairs: the share of sign flips whose mean difference is as large.

    It needs no normality: if arms don't differ, each seed's difference is as likely the other way
    round (Fisher 1935; Dror et al. 2018). None of more than MOST_FLIPPED pairs.
    """
    differences = np.asarray(first) - np.asarray(second)
    number = len(differences)
    if number > MOST_FLIPPED:
        return None
    flips = 1 - 2 * ((np.arange(2**number)[:, None] >> np.arange(number)) & 1)
    flipped = np.abs(flips @ differences)
    return float(np.mean(flipped >= abs(differences.sum()) - ROUNDING))


def randomisation_test(
    first: np.ndarray,
    second: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray] = lambda means: means,
    *,
    clusters: np.ndarray | None = None,
    rounds: int = RANDOMISATIONS,
    seed: int = 0,
) -> float:
    """p-value of approximate randomisation on the same n examples, float64 [n, ...] of each arm.

    `score` maps means over examples, [rounds, ...], to scores [rounds]; without it, examples are
    scores themselves, [n]. Each round exchanges what the arms have of a random half of the examples
    and scores both again; p is the share of rounds whose difference is at least the observed one in
    size, counting the observed one itself (Noreen 1989; Riezler and Maxwell 2005). The draws are a
    function of `seed`. Examples of one of the `clusters`, integers [n], are exchanged together.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    changes = (second - first).reshape(len(first), -1)
    if clusters is not None:
        changes = sums_of(changes, clusters)
    # Examples without a difference can't move the scores.
    changes = changes[np.abs(changes).max(axis=1) > ROUNDING] / len(first)
    if not len(changes):
        return 1.0

    def differences(exchanged: np.ndarray) -> np.ndarray:
        moved = (exchanged @ changes).reshape(-1, *first.shape[1:])
        return np.abs(score(means[0] + moved) - score(means[1] - moved))

    observed = differences(np.zeros((1, len(changes))))[0] - ROUNDING
    random = np.random.default_rng(seed)
    at_least = 1
    at_once = max(1, min(rounds, 4_000_000 // len(changes)))  # bounds the memory to some 32 MB
    for start in range(0, rounds, at_once):
        shape = (min(at_once, rounds - start), len(changes))
        exchanged = random.integers(0, 2, shape, dtype=np.int8)
        at_least += int(np.count_nonzero(differences(exchanged) >= observed))
    return at_least / (rounds + 1)


def sums_of(rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Of float64 [n, K], those of each cluster, [clusters, K]."""
    names, number = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, number, rows)
    return sums


def _t_quantile(degrees: int) -> float:
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
