"""Equivalence: that a difference is smaller than a margin, as a result and not as an absence."""

import numpy as np
from scipy.stats import t as student

from maskpolicy.records import JsonRecord
from maskpolicy.statistics.power import LEVEL


class Equivalence(JsonRecord):
    """Whether a difference lies within a margin that was stated before.

    p: the larger one of two one-sided t-tests, that the difference is above -margin and that it is
    below margin (TOST; Schuirmann 1987), each of LEVEL; None without a spread to test by.
    """

    margin: float  # on the scale of scores
    p: float | None
    equivalent: bool


def tost(difference: float, error: float | None, degrees: float, margin: float) -> Equivalence:
    """Test a difference of a standard error, None or 0 where no spread was seen.

    Without a spread nothing is claimed.
    """
    if not error:
        return Equivalence(margin=margin, p=None, equivalent=False)
    above = student.sf((difference + margin) / error, degrees)
    below = student.cdf((difference - margin) / error, degrees)
    p = float(np.maximum(above, below))
    return Equivalence(margin=margin, p=p, equivalent=p < LEVEL)
