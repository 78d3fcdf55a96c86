"""Saved compute at equal score: what an arm has cost by the time that it has another's last score.

Gu et al. 2020 compare their method in this way (3.2 and figure 3), but leave out what selecting
tokens costs; here it counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

from maskpolicy.analysis.costs import PRETRAINING
from maskpolicy.analysis.curves import Point
from maskpolicy.statistics.paired import ROUNDING
from maskpolicy.text_files import write_rows

NOTHING_TO_REACH = "the score is not above that of the start"
NEVER = "the arm never has the score"


@dataclass(frozen=True)
class Goal:
    """The last mean score of an arm, and all the seconds that it cost."""

    arm: str
    score: float
    seconds: float


@dataclass(frozen=True)
class TimeSaved:
    """What an arm has cost when it first has the score of another, and how much less that is.

    share_of_steps: of its intermediate stage; seconds: all that came before that stage, and this
    share of the stage; saved_share: 1 - seconds / other_seconds, below zero where it costs more.
    They are None where `note` says so.
    """

    task: str
    arm: str
    reaches: str
    score: float
    share_of_steps: float | None
    seconds: float | None
    other_seconds: float
    saved_share: float | None
    note: str


def saving_of(
    task: str,
    arm: str,
    points: Sequence[Point],
    start: int,
    stages: Mapping[str, float],
    goal: Goal,
) -> TimeSaved:
    """Compare the curve of an arm with a goal.

    `points` are in ascending order, `start` is the step at which the intermediate stage starts, and
    `stages` are the seconds of all that the arm needs, of which intermediate pre-training alone
    grows with the steps. Between two points the score is taken to lie on a straight line. Whoever
    starts at the goal, or above, saves nothing by pre-training: then there is nothing to say.
    """
    whole = round(goal.seconds, 2)
    known = (task, arm, goal.arm, round(goal.score, 6))
    if points[0].step == start and goal.score <= points[0].mean + ROUNDING:
        return TimeSaved(*known, None, None, whole, None, NOTHING_TO_REACH)
    step = _first_reached(points, goal.score - ROUNDING)
    if step is None:
        return TimeSaved(*known, None, None, whole, None, NEVER)
    share = (step - start) / (points[-1].step - start)
    seconds = sum(stages.values()) - (1 - share) * stages[PRETRAINING]
    saved = round(1 - seconds / goal.seconds, 4)
    return TimeSaved(*known, round(share, 4), round(seconds, 2), whole, saved, "")


def write_savings(path: Path, savings: Sequence[TimeSaved]) -> None:
    """Write savings as CSV, one a line; what is None is an empty field."""
    columns = [field.name for field in fields(TimeSaved)]
    write_rows(path, columns, [asdict(saving) for saving in savings])


def _first_reached(points: Sequence[Point], score: float) -> float | None:
    if points[0].mean >= score:
        return points[0].step
    for before, after in pairwise(points):
        if after.mean >= score:
            share = (score - before.mean) / (after.mean - before.mean)
            return before.step + share * (after.step - before.step)
    return None
