"""After the runs: what difference a comparison could find, and how many runs would decide it."""

import numpy as np
from scipy.special import stdtrit
from scipy.stats import nct

from maskpolicy.records import JsonRecord
from maskpolicy.statistics.paired import ROUNDING, welch_t_test
from maskpolicy.statistics.power import LEVEL, POWER, SURE, PowerOf, power_of, smallest_effect

MOST_RUNS = 1000
"""Of each arm; a difference that needs more is none that a study of this kind decides."""


class Power(JsonRecord):
    """What a comparison could find with the runs that it has, if the spread seen is the true one.

    It says more of the design than of the difference: the spread of three runs may well be half or
    twice the true one.
    """

    level: float
    power: float
    smallest: float  # difference that it finds with that power, on the scale of scores
    needed: int | None  # runs of each arm, if the difference seen is the true one; None beyond most
    most: int


def paired_power(first: np.ndarray, second: np.ndarray) -> Power | None:
    """That of float64 [n] scores in pairs, by the spread of their differences; None without one."""
    differences = first - second
    if len(differences) < 2 or np.ptp(differences) <= ROUNDING:
        return None
    spread = float(differences.std(ddof=1))
    return _power(power_of, len(differences), float(differences.mean()), spread)


def two_sample_power(first: np.ndarray, second: np.ndarray) -> Power | None:
    """That of Welch's test of float64 [n] and [m] scores, as if both were of the smaller number.

    Where the test of all runs finds nothing, more are needed than an arm has.
    """
    runs = min(len(first), len(second))
    if runs < 2 or max(np.ptp(first), np.ptp(second)) <= ROUNDING:
        return None
    variances = np.array([first.var(ddof=1), second.var(ddof=1)])
    spread = float(variances.mean() ** 0.5)
    shared = float(variances.sum() ** 2 / (variances**2).sum())  # 2 of equal spreads, 1 of one

    def of(effect: float, runs: int) -> float:
        return power_of_two_samples(effect, runs, shared)

    found = _power(of, runs, float(first.mean() - second.mean()), spread)
    p = welch_t_test(first, second).p
    if found.needed is not None and p is not None and p >= LEVEL:
        found = found.model_copy(update={"needed": max(found.needed, runs + 1)})
    return found


def runs_needed(effect: float, of: PowerOf = power_of) -> int | None:
    """The fewest runs of each arm that find an effect with POWER; None beyond MOST_RUNS."""
    effect = min(abs(effect), SURE)
    if of(effect, MOST_RUNS) < POWER:
        return None
    few, many = 1, MOST_RUNS  # too few, and enough
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if of(effect, middle) >= POWER else (middle, many)
    return many


def power_of_two_samples(effect: float, runs: int, shared: float = 2) -> float:
    """The chance that Welch's t-test of n >= 2 runs of each arm finds an effect.

    It is in root mean square deviations of the arms; `shared` is how many of the two the spread
    comes from, 2 where they are equal and 1 where one arm alone has any.
    """
    degrees, shift = shared * (runs - 1), abs(effect) * (runs / 2) ** 0.5
    critical = stdtrit(degrees, 1 - LEVEL / 2)
    return float(nct.sf(critical, degrees, shift) + nct.sf(critical, degrees, -shift))


def _power(of: PowerOf, runs: int, difference: float, spread: float) -> Power:
    smallest = smallest_effect(runs, of)
    assert smallest is not None  # one run has no spread
    return Power(
        level=LEVEL,
        power=POWER,
        smallest=smallest * spread,
        needed=runs_needed(difference / spread, of),
        most=MOST_RUNS,
    )
