"""Needed runs against statsmodels 0.15 (`TTestPower`, `TTestIndPower`)."""

import numpy as np
import pytest

from maskpolicy.statistics.needed_runs import (
    paired_power,
    power_of_two_samples,
    runs_needed,
    two_sample_power,
)
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
    assert of_two.needed == runs_needed(0.2 / (0.02 / 4) ** 0.5, power_of_two_samples)


def test_without_a_spread_or_of_one_run_there_is_none():
    runs = np.array([0.2, 0.3])
    assert paired_power(runs, runs - 0.1) is None
    assert paired_power(runs[:1], runs[:1]) is None
    assert two_sample_power(runs[:1], runs) is None
    assert two_sample_power(np.full(2, 0.2), np.full(2, 0.1)) is None
