"""Needed runs against statsmodels 0.15 (`TTestPower`, `TTestIndPower`)."""

import numpy as np
import pytest
from scipy.stats import nct, t

from maskpolicy.statistics.needed_runs import (
    paired_power,
    power_of_two_samples,
    runs_needed,
    two_sample_power,
)
from maskpolicy.statistics.paired import welch_t_test
from maskpolicy.statistics.power import power_of


@pytest.mark.parametrize(("effect", "pairs"), [(0.5, 34), (-0.5, 34), (1.2, 8), (1e9, 2)])
def test_pairs_needed_are_those_of_statsmodels(effect, pairs):
    # Of .5: 33.367; of 1.2: 7.588.
    assert runs_needed(effect) == pairs
    assert power_of(min(abs(effect), 100), pairs) >= 0.8


@pytest.mark.parametrize("effect", [0.0, 0.01])
def test_beyond_a_thousand_runs_no_number_is_said(effect):
    assert runs_needed(effect) is None


def test_two_samples_need_as_many_as_printed_tables_say():
    # Cohen 1988, table 2.4.1: 26 of each for d = .8, 64 for .5.
    assert runs_needed(0.8, power_of_two_samples) == 26
    assert runs_needed(0.5, power_of_two_samples) == 64


def test_what_a_design_finds_is_in_the_units_of_scores():
    first, second = np.array([0.3, 0.5, 0.4]), np.array([0.2, 0.2, 0.2])
    power = paired_power(first, second)
    assert power.smallest == pytest.approx(3.264043552819638 * 0.1, rel=1e-4)
    assert power.needed == runs_needed(2.0) == 5
    of_two = two_sample_power(first, second)
    # One arm alone has a spread: Welch's test has the degrees of freedom of that one.
    assert of_two.needed == 5
    needed = [nct.sf(t.ppf(0.975, n - 1), n - 1, 0.2 / 0.1 * n**0.5) for n in (4, 5)]
    assert needed[0] < 0.8 <= needed[1]


def test_two_samples_are_of_the_mean_variance_and_need_more_than_they_have():
    first, second = np.array([0.0, 1.0]), np.array([2.0, 2.1, 1.9, 2.0, 2.1, 1.9, 2.0, 2.0])
    power = two_sample_power(first, second)
    assert welch_t_test(first, second).p >= 0.05
    assert power.needed >= 3
    variances = first.var(ddof=1), second.var(ddof=1)
    spread = (sum(variances) / 2) ** 0.5
    degrees = sum(variances) ** 2 / sum(v**2 for v in variances)
    found = nct.sf(t.ppf(0.975, degrees), degrees, power.smallest / spread)
    found += nct.cdf(-t.ppf(0.975, degrees), degrees, power.smallest / spread)
    assert found == pytest.approx(0.8, rel=1e-4)


def test_more_runs_are_needed_than_found_nothing():
    first, second = np.array([1.9, 2.1]), np.concatenate([[30.0], np.zeros(30)])
    assert welch_t_test(first, second).p >= 0.05
    assert two_sample_power(first, second).needed >= 3


def test_without_a_spread_or_of_one_run_there_is_none():
    runs = np.array([0.2, 0.3])
    assert paired_power(runs, runs - 0.1) is None
    assert paired_power(runs[:1], runs[:1]) is None
    assert two_sample_power(runs[:1], runs) is None
    assert two_sample_power(np.full(2, 0.2), np.full(2, 0.1)) is None
