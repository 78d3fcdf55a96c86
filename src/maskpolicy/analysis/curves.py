"""Downstream scores by the steps of pre-training: one curve an arm, from runs or as written."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpolicy.arms import NO_POLICY
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.runs import Run
from maskpolicy.statistics.paired import summarise


@dataclass(frozen=True)
class Point:
    """The mean score of an arm after some steps, general ones too, and its t interval over runs."""

    step: int
    mean: float
    interval: tuple[float, float] | None
    runs: int


@dataclass(frozen=True)
class TaskCurves:
    """Of one task by its first metric: arm -> points, in ascending order of their steps."""

    task: str
    metric: str
    arms: dict[str, list[Point]]


def curves_of(runs: Sequence[Run], start: int, steps: int) -> TaskCurves:
    """The curves of all arms of one task, in the order in which the arms come.

    The intermediate stage starts after `start` general steps and has `steps`. Every arm begins
    where the arm without intermediate pre-training is, if that is among the runs.
    """
    metric = next(iter(runs[0].metrics))
    scores: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        step = 0 if run.policy == NO_POLICY else steps if run.step is None else run.step
        scores[run.policy][start + step].append(run.metrics[metric])
    before = scores.get(NO_POLICY, {})
    arms = {
        arm: [_point(step, some) for step, some in sorted((before | by_step).items())]
        for arm, by_step in scores.items()
    }
    return TaskCurves(runs[0].task, metric, arms)


def rows_of(curves: TaskCurves) -> list[dict[str, object]]:
    """Every point of every arm, as it is written beside a picture."""
    return [
        {
            "task": curves.task,
            "metric": curves.metric,
            "arm": arm,
            "total_steps": point.step,
            "mean": point.mean,
            "low": point.interval[0] if point.interval else None,
            "high": point.interval[1] if point.interval else None,
            "runs": point.runs,
        }
        for arm, points in curves.arms.items()
        for point in points
    ]


def read_curves(path: Path) -> list[TaskCurves]:
    """The curves of all tasks from a CSV of :func:`rows_of`. Raises ArtefactError, naming it."""
    curves: dict[str, TaskCurves] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                of_task = curves.setdefault(row["task"], TaskCurves(row["task"], row["metric"], {}))
                interval = (float(row["low"]), float(row["high"])) if row["low"] else None
                of_task.arms.setdefault(row["arm"], []).append(
                    Point(int(row["total_steps"]), float(row["mean"]), interval, int(row["runs"]))
                )
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} does not hold scores by steps") from error
    return list(curves.values())


def _point(step: int, scores: Sequence[float]) -> Point:
    summary = summarise(np.array(scores))
    return Point(step, summary.mean, summary.interval, len(scores))
