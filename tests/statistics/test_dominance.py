"""Almost stochastic order against deepsig 1.2.8 (`aso`, `compute_violation_ratio`)."""

import numpy as np
import pytest
from scipy.special import ndtri

from maskpolicy.statistics.dominance import almost_stochastic_order, violation_ratio

A = np.array([0.41, 0.44, 0.39, 0.47, 0.43])
B = np.array([0.36, 0.40, 0.38, 0.35, 0.42])
X, Y = np.array([0.1, 0.5, 0.9, 0.3]), np.array([0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [(A, B, 0.0), (B, A, 0.9962397179788484), (X, Y, 0.16920473773265654)],
    ids=["above", "below", "neither"],
)
def test_the_violation_ratio_is_that_of_deepsig(first, second, ratio):
    assert violation_ratio(first, second) == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "bound"), [(A, B, 0.05967), (X, Y, 0.7829)], ids=["above", "neither"]
)
def test_the_bound_is_that_of_deepsig_but_for_the_draws(first, second, bound):
    assert almost_stochastic_order(first, second) == pytest.approx(bound, abs=0.04)


def test_equal_samples_are_not_above_each_other():
    assert violation_ratio(A, A) == 0.5
    assert almost_stochastic_order(A, A) >= 0.5


def test_more_comparisons_make_it_harder():
    assert almost_stochastic_order(X, Y, comparisons=10) > almost_stochastic_order(X, Y)
    assert almost_stochastic_order(X, Y) == almost_stochastic_order(X, Y)


def test_several_comparisons_are_corrected_by_bonferroni():
    near = np.array([0.36, 0.40, 0.38, 0.48, 0.42])
    observed = violation_ratio(A, near)
    one, ten = (almost_stochastic_order(A, near, comparisons=n) for n in (1, 10))
    assert 0 < observed < one < ten < 1
    assert (ten - observed) / (one - observed) == pytest.approx(ndtri(0.005) / ndtri(0.05))
