"""What a design can find: the power of the paired t-test that tables are tested with.

An effect is a mean difference in standard deviations of the differences (Cohen's d_z).
"""

from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import nct

POWER = 0.8
LEVEL = 0.05


def power_of(effect: float, pairs: int, level: float = LEVEL) -> float:
    """The chance that a two-sided paired t-test of n >= 2 pairs finds an effect (noncentral t)."""
    degrees, shift = pairs - 1, abs(effect) * pairs**0.5
    critical = stdtrit(degrees, 1 - level / 2)
    # The other tail is that of the mirrored distribution, for which SciPy has a number everywhere.
    return float(nct.sf(critical, degrees, shift) + nct.sf(critical, degrees, -shift))


def smallest_effect(pairs: int, power: float = POWER, level: float = LEVEL) -> float | None:
    """The smallest effect that n pairs find with a power above the level; None of one pair."""
    if pairs < 2:
        return None
    enough = 1.0
    while power_of(enough, pairs, level) < power:
        enough *= 2
    return float(brentq(lambda effect: power_of(effect, pairs, level) - power, 0.0, enough))
