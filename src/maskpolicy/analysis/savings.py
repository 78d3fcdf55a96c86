"""Saved compute at equal score: what an arm has cost by the time that it has a score, and another.

Gu et al. 2020 compare their method in this way (3.2 and figure 3), but leave out what selecting
tokens costs; here it counts. Nor do they say how much of it is noise. The first time that a noisy
curve is at the last score of another one is early, whatever the arms: on a plateau, arms that are
the same would save half of the time. So both curves are fitted first, by scores that never fall
with the steps (isotonic regression); both arms are asked for the same score, the highest that both
come to; and an interval over runs says how far the difference may be trusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression

from maskpolicy.analysis.costs import PRETRAINING
from maskpolicy.analysis.curves import Point
from maskpolicy.statistics.bootstrap import Resampling
from maskpolicy.statistics.paired import ROUNDING
from maskpolicy.text_files import write_rows

FEWEST_RUNS = 5
"""With 3 runs the intervals of equal arms cover 0 in .80 to .94 of simulated studies, with 5 in .94
to 1 (see `tests/analysis/test_savings.py`)."""

NOTHING_TO_REACH = "the score that both come to is not above that of the first point"
TOO_FEW_RUNS = f"fewer than {FEWEST_RUNS} runs: time saved can't be told from noise"


@dataclass(frozen=True)
class Course:
    """The way of an arm: its scores in each run at K points, and what it has cost there.

    scores: float64 [runs, K], runs ordered by their seeds; seconds: float64 [K], ascending.
    """

    name: str
    scores: np.ndarray
    seconds: np.ndarray

    @cached_property
    def fits(self) -> np.ndarray:
        """Isotonic fits of the mean over all runs and over each bootstrap sample: [1 + R, K]."""
        runs = len(self.scores)
        weights = np.vstack([np.full(runs, 1 / runs), _sample(runs).weights])
        # Few runs have few distinct samples (126 of 5): none is fitted twice.
        distinct, which = np.unique(weights, axis=0, return_inverse=True)
        return np.array([isotonic_regression(y).x for y in distinct @ self.scores])[which]


@dataclass(frozen=True)
class TimeSaved:
    """What an arm has cost when it first has a score, and how much less than another one.

    score: the highest that the fitted curves of both come to; saved_share: (other_seconds -
    seconds) / other_total, below zero where the arm costs more; low, high: its bootstrap interval
    over runs. All are None where `note` says why.
    """

    task: str
    arm: str
    other: str
    runs: int
    score: float | None
    seconds: float | None
    other_seconds: float | None
    other_total: float  # at the end of the other's course
    saved_share: float | None
    low: float | None
    high: float | None
    note: str

    def __str__(self) -> str:
        return f"{self.arm} {self.saved_share:+.0%} [{self.low:+.0%}, {self.high:+.0%}]"


def course_of(
    name: str, points: Sequence[Point], start: int, stages: Mapping[str, float]
) -> Course:
    """The course of an arm whose intermediate stage begins after `start` steps.

    `points` are in ascending order; `stages` are the seconds of all that the arm needs, of which
    intermediate pre-training alone grows with the steps.
    """
    steps = np.array([point.step for point in points])
    shares = (steps - start) / (steps[-1] - start)
    fixed = sum(stages.values()) - stages[PRETRAINING]
    return Course(name, scores_of(points), fixed + shares * stages[PRETRAINING])


def scores_of(points: Sequence[Point]) -> np.ndarray:
    """Their scores, float64 [runs, points]."""
    return np.array([point.scores for point in points]).T


def saving_of(task: str, arm: Course, other: Course) -> TimeSaved:
    """Compare two courses of the same runs.

    Between two points the fitted score is taken to lie on a straight line. A bootstrap sample
    takes the same runs of both, as runs of equal seeds have much in common.
    """
    runs = len(arm.scores)
    total = float(other.seconds[-1])

    def saved(note: str = "", **figures: float) -> TimeSaved:
        names = ("score", "seconds", "other_seconds", "saved_share", "low", "high")
        found = {name: figures.get(name) for name in names}
        return TimeSaved(task, arm.name, other.name, runs, other_total=total, note=note, **found)

    if runs < FEWEST_RUNS:
        return saved(TOO_FEW_RUNS)
    scores = np.minimum(arm.fits[:, -1], other.fits[:, -1])
    if scores[0] <= max(course.scores[:, 0].mean() for course in (arm, other)) + ROUNDING:
        return saved(NOTHING_TO_REACH)
    seconds, of_other = (_seconds_to(scores, course) for course in (arm, other))
    shares = (of_other - seconds) / total
    low, high = _sample(runs).interval(shares[1:])
    return saved(
        score=round(float(scores[0]), 6),
        seconds=round(float(seconds[0]), 2),
        other_seconds=round(float(of_other[0]), 2),
        saved_share=round(float(shares[0]), 4),
        low=round(low, 4),
        high=round(high, 4),
    )


def write_savings(path: Path, savings: Sequence[TimeSaved]) -> None:
    """Write savings as CSV, one a line; what is None is an empty field."""
    columns = [field.name for field in fields(TimeSaved)]
    write_rows(path, columns, [asdict(saving) for saving in savings])


@cache
def _sample(runs: int) -> Resampling:
    return Resampling(runs, 0, "time-saved")


def _seconds_to(scores: np.ndarray, course: Course) -> np.ndarray:
    """What a course has cost when each of its fits first has a score that it comes to: [1 + R]."""
    fits, row = course.fits, np.arange(len(scores))
    after = np.argmax(fits >= scores[:, None] - ROUNDING, axis=1)
    before = np.maximum(after - 1, 0)
    rise = fits[row, after] - fits[row, before]
    share = np.divide(scores - fits[row, before], rise, out=np.zeros(len(row)), where=rise > 0)
    way = course.seconds[after] - course.seconds[before]
    return course.seconds[before] + np.minimum(share, 1) * way
