"""Intervals of few and skewed things, as gradients of sequences are."""

import numpy as np
import pytest

from maskpolicy.statistics.bootstrap import Resampling


def test_an_interval_is_that_of_the_bootstrap():
    values = np.random.default_rng(0).normal(5, 2, size=200)
    sample = Resampling(200, 0, "test")
    low, high = sample.interval(sample.weights @ values)
    half = 1.96 * values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_samples_are_a_function_of_the_seed_and_of_what_they_are_of():
    first = Resampling(9, 0, "a").weights
    assert np.allclose(first.sum(axis=1), 1)
    assert np.array_equal(first, Resampling(9, 0, "a").weights)
    assert not np.array_equal(first, Resampling(9, 1, "a").weights)
    assert not np.array_equal(first, Resampling(9, 0, "b").weights)


@pytest.mark.parametrize(("number", "plain", "expanded"), [(6, 0.83, 0.91), (12, 0.88, 0.92)])
def test_intervals_of_skewed_ratios_cover_what_their_docstring_says(number, plain, expanded):
    random = np.random.default_rng(0)
    sample = Resampling(number, 0, "test")
    truth, covered = 0.4 * np.exp(0.125), {"plain": 0, "expanded": 0}
    for _ in range(1000):
        divisors = random.lognormal(0, 0.7, number)
        values = 0.4 * random.lognormal(0, 0.5, number) * divisors
        ratios = (sample.weights @ values) / (sample.weights @ divisors)
        intervals = {
            "plain": np.quantile(ratios, [0.025, 0.975]),
            "expanded": sample.interval(ratios),
        }
        for name, (low, high) in intervals.items():
            covered[name] += low <= truth <= high
    # Of 1000 studies, the standard error of a share is .008 to .012.
    assert covered["plain"] / 1000 == pytest.approx(plain, abs=0.035)
    assert covered["expanded"] / 1000 == pytest.approx(expanded, abs=0.035)
