"""Holm's method against statsmodels 0.15 (`multipletests`), Dunnett's on his own example."""

import warnings

import numpy as np
import pytest

from maskpolicy.statistics.multiplicity import dunnett, holm


def test_holm_is_that_of_statsmodels():
    assert holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.5])


def test_what_was_not_tested_stays_and_does_not_count():
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([None]) == [None]
    assert holm([]) == []


def test_it_is_never_above_one_and_keeps_the_order():
    adjusted = holm([0.9, 0.4, 0.0, 0.6])
    assert max(adjusted) == 1
    assert np.argsort(adjusted, kind="stable")[0] == 2


def test_dunnett_on_blood_counts_of_three_groups():
    # Dunnett 1955, table 1; p-values as scipy's documentation has them.
    control = np.array([7.40, 8.50, 7.20, 8.24, 9.84, 8.32])
    drugs = {
        "a": np.array([9.76, 8.80, 7.68, 9.36]),
        "b": np.array([12.80, 9.68, 12.16, 9.20, 10.55]),
    }
    assert dunnett(drugs, control) == pytest.approx({"a": 0.62004941, "b": 0.0059035}, rel=1e-2)
    assert dunnett(drugs, control) == dunnett(drugs, control)


def test_dunnett_says_nothing_of_one_run_or_without_a_spread():
    runs = np.array([0.1, 0.2])
    assert dunnett({"a": runs[:1]}, runs) == {}
    assert dunnett({}, runs) == {}
    assert dunnett({"a": np.full(3, 0.2)}, np.full(3, 0.1)) == {}


def test_an_arm_whose_runs_score_the_same_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dunnett({"a": np.full(3, 0.1), "b": np.array([0.5, 0.4, 0.6])}, np.full(3, 0.1))
    assert found["b"] < 0.05 < found["a"]
