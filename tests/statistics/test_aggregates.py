"""Aggregates over tasks against rliable 1.2.0 (`aggregate_iqm`, `probability_of_improvement`)."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from maskpolicy.statistics.aggregates import interquartile_mean, probability_of_improvement
from maskpolicy.statistics.paired import welch_t_test

FIRST = np.array([[0.41, 0.70], [0.44, 0.72], [0.39, 0.65]])
SECOND = np.array([[0.36, 0.70], [0.40, 0.75], [0.42, 0.60]])
ARMS = FIRST, SECOND


def test_estimates_are_those_of_rliable():
    assert interquartile_mean(FIRST).estimate == pytest.approx(0.55)
    assert probability_of_improvement(FIRST, SECOND).estimate == pytest.approx(0.5833333333)


def test_equal_scores_count_half():
    # On both tasks two of six pairs are equal, one is won, and three are lost.
    assert probability_of_improvement(FIRST, FIRST[:2]).estimate == pytest.approx(1 / 3)


def test_an_interval_is_welchs_where_the_middle_half_is_of_two_tasks():
    """Of four tasks far apart the scores of two are cut off, whichever runs are drawn."""
    outer = np.array([[0.0, 9.0], [0.1, 9.3], [0.2, 9.1]])
    inner = np.array([[4.0, 6.0], [4.1, 6.9], [4.3, 6.3]])
    found = interquartile_mean(np.hstack([outer, inner]))
    assert found.estimate == pytest.approx(inner.mean())
    # The mean of two means: half of a sum, whose interval is that of a difference by Welch.
    welch = welch_t_test(inner[:, 0], -inner[:, 1])
    assert np.array(found.interval) * 2 == pytest.approx(np.array(welch.interval), rel=0.03)
    # A task that varies alone leaves the degrees of freedom of its runs.
    alone = interquartile_mean(np.hstack([outer, inner * [0, 1] + [4, 0]]))
    half = student.ppf(0.975, 2) * inner[:, 1].std(ddof=1) / 3**0.5 / 2
    low, high = alone.interval
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)


def test_improvement_has_percentiles_of_runs_within_tasks_of_both_arms():
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(4000):
        one, two = (np.take_along_axis(some, random.integers(0, 3, (3, 2)), 0) for some in ARMS)
        wins = np.sign(np.round(one[:, None] - two[None], 9)).mean()
        drawn.append((1 + wins) / 2)
    # t of two runs to spare on each of two tasks of two arms, and samples that vary by 2/3 of it.
    share = norm.cdf(1.5**0.5 * student.ppf(0.025, 8))
    expected = np.quantile(drawn, [share, 1 - share])
    found = np.array(probability_of_improvement(*ARMS).interval)
    assert found == pytest.approx(expected, abs=0.03)
    assert found[0] + 0.05 < np.quantile(drawn, 0.025)


def test_one_run_has_no_interval():
    assert interquartile_mean(FIRST[:1]).interval is None
    assert probability_of_improvement(FIRST[:1], SECOND).interval is None


def test_two_runs_and_samples_that_are_alike_have_no_interval():
    assert interquartile_mean(FIRST * 0).interval is None
    assert interquartile_mean(FIRST[:2]).interval is None
    assert probability_of_improvement(FIRST, SECOND[:2]).interval is None
    assert probability_of_improvement(FIRST + 1, SECOND).interval is None
    assert probability_of_improvement(FIRST + 1, SECOND).estimate == 1
