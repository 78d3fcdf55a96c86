"""One-way ANOVA of two arms and its stars, against scipy and a sum of squares by hand."""

import warnings

import numpy as np
import pytest
from scipy.stats import f_oneway, ttest_ind

from maskpolicy.statistics.anova import star

LOW = np.array([0.20, 0.22, 0.21, 0.19])


def test_it_is_that_of_scipy_and_the_t_test_of_equal_variances():
    high = np.array([0.25, 0.21, 0.24])
    tested, reference = star(high, LOW), f_oneway(high, LOW)
    assert (tested.f, tested.p) == (reference.statistic, reference.pvalue)
    assert tested.p == pytest.approx(ttest_ind(high, LOW).pvalue)


def test_f_by_hand():
    # Means 2 and 5, both groups with a sum of squares of 2: F = (9 * 6 / 4) / (4 / 4).
    assert star(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0])).f == pytest.approx(13.5)


@pytest.mark.parametrize(
    ("above", "stars"), [(0.003, ""), (0.03, "*"), (0.1, "**"), (-0.1, "")], ids=str
)
def test_stars_are_of_arms_that_are_better_with_a_p_below_the_thresholds(above, stars):
    tested = star(LOW + above, LOW)
    assert tested.stars == stars
    assert tested.p == f_oneway(LOW + above, LOW).pvalue


@pytest.mark.parametrize(
    ("scores", "baseline"),
    [([0.3], LOW), (LOW, [0.1]), ([0.3] * 4, [0.2] * 4)],
    ids=["one run", "one run to compare with", "no spread"],
)
def test_nothing_is_claimed_without_a_spread(scores, baseline):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tested = star(np.array(scores), np.array(baseline))
    assert tested.model_dump() == {"f": None, "p": None, "stars": ""}
