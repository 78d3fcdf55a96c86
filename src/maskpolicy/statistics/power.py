"""What a design can find: the power of the paired t-test that tables are tested with.

An effect is a mean difference in standard deviations of the differences (Cohen's d_z).
"""

from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import nct

POWER = 0.8
LEVEL = 0.05

SURE = 100.0
"""An effect that two runs find for certain."""

PowerOf = Callable[[float, int], float]
"""(effect in standard deviations, runs of each arm) -> the chance that a test finds it."""


def power_of(effect: float, pairs: int, level: float = LEVEL) -> float:
    """The chance that a two-sided paired t-test of n >= 2 pairs finds an effect (noncentral t)."""
    degrees, shift = pairs - 1, abs(effect) * pairs**0.5
    critical = stdtrit(degrees, 1 - level / 2)
    # The other tail is that of the mirrored distribution, for which SciPy has a number everywhere.
    return float(nct.sf(critical, degrees, shift) + nct.sf(critical, degrees, -shift))


def smallest_effect(runs: int, of: PowerOf = power_of, power: float = POWER) -> float | None:
    """The smallest effect that so many runs of each arm find with a power; None of one run."""
    if runs < 2:
        return None
    return float(brentq(lambda effect: of(effect, runs) - power, 0.0, SURE))
