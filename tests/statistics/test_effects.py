"""Effect sizes by their formulas; intervals by the noncentral t distribution of scipy."""

import numpy as np
import pytest
from scipy.stats import nct, ttest_ind

from maskpolicy.statistics.effects import paired_effect, two_sample_effect

FIRST = np.array([0.41, 0.44, 0.39, 0.47, 0.43])
SECOND = np.array([0.36, 0.40, 0.38, 0.35, 0.42])


def test_pairs_are_measured_in_deviations_of_their_differences():
    effect = paired_effect(FIRST, SECOND)
    differences = FIRST - SECOND
    d = differences.mean() / differences.std(ddof=1)
    assert effect.d == pytest.approx(d)
    # Hedges 1981, table 1: with four degrees of freedom the bias is corrected by .7979.
    assert effect.g == pytest.approx(0.7979 * d, rel=1e-4)


def test_two_samples_are_measured_in_the_pooled_deviation():
    effect = two_sample_effect(FIRST, SECOND[:4])
    pooled = ((4 * FIRST.var(ddof=1) + 3 * SECOND[:4].var(ddof=1)) / 7) ** 0.5
    assert effect.d == pytest.approx((FIRST.mean() - SECOND[:4].mean()) / pooled)
    t, root = ttest_ind(FIRST, SECOND[:4]).statistic, (5 * 4 / 9) ** 0.5
    low, high = effect.interval
    assert nct.sf(t, 7, low * root) == pytest.approx(0.025, rel=1e-3)
    assert nct.cdf(t, 7, high * root) == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize("d", [0.0, 0.3, -0.3, 5.0, -5.0, 40.0])
@pytest.mark.parametrize("runs", [3, 5, 30])
def test_an_interval_has_what_is_no_surprise(d, runs):
    differences = np.random.default_rng(0).normal(size=runs)
    differences = (differences - differences.mean()) / differences.std(ddof=1) + d
    low, high = paired_effect(differences, np.zeros(runs)).interval
    t = d * runs**0.5
    assert low < d < high or d == pytest.approx(0)
    sign = -1 if d < 0 else 1
    low, high = sorted((sign * low, sign * high))
    assert nct.sf(sign * t, runs - 1, low * runs**0.5) == pytest.approx(0.025, rel=1e-3)
    assert nct.cdf(sign * t, runs - 1, high * runs**0.5) == pytest.approx(0.025, rel=1e-3)


def test_exchanging_arms_turns_the_sign():
    one, other = paired_effect(FIRST, SECOND), paired_effect(SECOND, FIRST)
    assert (one.d, one.g) == (-other.d, -other.g)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))


def test_nothing_is_claimed_of_too_few_runs_or_without_a_spread():
    assert paired_effect(FIRST[:2], SECOND[:2]) is None
    assert paired_effect(FIRST, FIRST - 0.1) is None
    assert two_sample_effect(FIRST[:1], SECOND[:2]) is None
    assert two_sample_effect(np.full(3, 0.2), np.full(3, 0.1)) is None


def test_of_a_spread_that_is_next_to_none_there_is_no_interval():
    effect = paired_effect(np.array([0.3, 0.3, 0.3 + 1e-9]), np.zeros(3))
    assert effect.d > 1e6
    assert effect.interval is None
