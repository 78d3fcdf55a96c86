"""Aggregates over tasks against rliable 1.2.0 (`aggregate_iqm`, `probability_of_improvement`)."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from maskpolicy.statistics import aggregates
from maskpolicy.statistics.aggregates import interquartile_mean, probability_of_improvement

FIRST = np.array([[0.41, 0.70], [0.44, 0.72], [0.39, 0.65]])
SECOND = np.array([[0.36, 0.70], [0.40, 0.75], [0.42, 0.60]])


def test_estimates_are_those_of_rliable():
    assert interquartile_mean(FIRST).estimate == pytest.approx(0.55)
    assert probability_of_improvement(FIRST, SECOND).estimate == pytest.approx(0.5833333333)


def test_equal_scores_count_half():
    # On both tasks two of six pairs are equal, one is won, and three are lost.
    assert probability_of_improvement(FIRST, FIRST[:2]).estimate == pytest.approx(1 / 3)


def test_an_interval_is_over_runs_within_each_task():
    low, high = interquartile_mean(FIRST).interval
    assert 0.39 < low < 0.55 < high < 0.72
    random = np.random.default_rng(0)
    drawn = [
        np.sort(np.concatenate([random.choice(FIRST[:, task], 3) for task in range(2)]))[1:5].mean()
        for _ in range(4000)
    ]
    plain = np.quantile(drawn, [0.025, 0.975])
    # t of two runs to spare on each of two tasks, and samples of three that vary by 2/3 of it.
    share = norm.cdf(1.5**0.5 * student.ppf(0.025, 4))
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [share, 1 - share])), abs=0.01)
    assert low < plain[0] < plain[1] < high


def test_degrees_of_freedom_are_those_of_runs_within_tasks_of_all_arms():
    # Of samples that are spread evenly from 0 to 1, bounds are the shares of samples below them.
    values = np.linspace(0, 1, 4000)
    found = aggregates._aggregate(lambda *some: values if some[0].ndim == 3 else 0.5, FIRST, SECOND)
    share = norm.cdf(1.5**0.5 * student.ppf(0.025, 8))
    assert found.interval == pytest.approx((share, 1 - share), rel=1e-6)
    one = aggregates._aggregate(lambda *some: values if some[0].ndim == 3 else 0.5, FIRST)
    share = norm.cdf(1.5**0.5 * student.ppf(0.025, 4))
    assert one.interval == pytest.approx((share, 1 - share), rel=1e-6)


def test_one_run_has_no_interval():
    assert interquartile_mean(FIRST[:1]).interval is None
    assert probability_of_improvement(FIRST[:1], SECOND).interval is None


def test_two_runs_and_samples_that_are_alike_have_no_interval():
    assert interquartile_mean(FIRST[:2]).interval is None
    assert probability_of_improvement(FIRST, SECOND[:2]).interval is None
    assert probability_of_improvement(FIRST + 1, SECOND).interval is None
    assert probability_of_improvement(FIRST + 1, SECOND).estimate == 1
