"""Two one-sided tests against statsmodels 0.15 (`ttost_paired`)."""

import numpy as np
import pytest

from maskpolicy.statistics.equivalence import tost

DIFFERENCES = np.array([0.41, 0.44, 0.39, 0.47, 0.43]) - [0.36, 0.40, 0.38, 0.35, 0.42]


@pytest.mark.parametrize(("margin", "p"), [(0.1, 0.027615009837763656), (0.05, 0.42616118990900)])
def test_they_are_those_of_statsmodels(margin, p):
    error = DIFFERENCES.std(ddof=1) / 5**0.5
    found = tost(DIFFERENCES.mean(), error, 4, margin)
    assert found.p == pytest.approx(p)
    assert found.equivalent == (p < 0.05)
    assert tost(-DIFFERENCES.mean(), error, 4, margin).p == pytest.approx(p)


def test_an_absence_of_evidence_is_no_equivalence():
    assert not tost(0.0, 0.2, 2, 0.1).equivalent


@pytest.mark.parametrize("error", [None, 0.0])
def test_without_a_spread_nothing_is_claimed(error):
    found = tost(0.0, error, 2, 0.1)
    assert (found.p, found.equivalent) == (None, False)
