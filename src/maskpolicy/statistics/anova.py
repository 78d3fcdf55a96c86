"""One-way analysis of variance of two arms' scores, and the stars of Gu et al. 2020, table 1."""

from typing import Literal

import numpy as np
from scipy.stats import f_oneway

from maskpolicy.records import JsonRecord
from maskpolicy.statistics.paired import ROUNDING

Stars = Literal["", "*", "**"]

THRESHOLDS: dict[Stars, float] = {"**": 0.001, "*": 0.05}
"""Stars -> what p is below; the more stars, the earlier here."""


class Anova(JsonRecord):
    """An arm against the baseline that stars are given against.

    f, p: None where no spread of runs was seen, and of one run each.
    """

    f: float | None
    p: float | None
    stars: Stars  # none where the mean is not above the baseline's


def star(scores: np.ndarray, baseline: np.ndarray) -> Anova:
    """Test float64 [n] and [m] scores of runs, which are not taken as pairs.

    Of two groups, one-way ANOVA is the two-sided t-test of equal variances. Gu et al. 2020 print
    the thresholds and name no test.
    """
    if min(len(scores), len(baseline)) < 2 or max(np.ptp(scores), np.ptp(baseline)) <= ROUNDING:
        return Anova(f=None, p=None, stars="")
    result = f_oneway(scores, baseline)
    f, p = float(result.statistic), float(result.pvalue)
    earned: list[Stars] = [stars for stars, below in THRESHOLDS.items() if p < below]
    better = np.mean(scores) > np.mean(baseline)
    return Anova(f=f, p=p, stars=earned[0] if better and earned else "")
