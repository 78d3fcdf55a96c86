"""Downstream scores by the steps of pre-training: one curve an arm, from runs or as written."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from maskpolicy.arms import NO_POLICY
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.runs import Run
from maskpolicy.statistics.paired import Summary, summarise

Seeds = tuple[int, int]
"""Of pre-training and of fine-tuning: what tells the runs of an arm apart."""


@dataclass(frozen=True)
class Point:
    """The scores of an arm after some steps, general ones too: of each run, ordered by seeds."""

    step: int
    scores: tuple[float, ...]

    @cached_property
    def summary(self) -> Summary:
        """Their mean, and its t interval over runs."""
        return summarise(np.array(self.scores))


@dataclass(frozen=True)
class TaskCurves:
    """Of one task by its first metric: arm -> points, in ascending order of their steps."""

    task: str
    metric: str
    arms: dict[str, list[Point]]


def curves_of(runs: Sequence[Run], start: int, steps: int) -> TaskCurves:
    """The curves of all arms of one task, in the order in which the arms come.

    The intermediate stage starts after `start` general steps and has `steps`. Every arm begins
    where the arm without intermediate pre-training is, if that is among the runs. Raises
    ArtefactError where a point has other seeds than the first one, so that runs have no course.
    """
    metric = next(iter(runs[0].metrics))
    scores: dict[str, dict[int, dict[Seeds, float]]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        step = 0 if run.policy == NO_POLICY else steps if run.step is None else run.step
        seeds = (run.pretraining_seed, run.seed)
        scores[run.policy][start + step][seeds] = run.metrics[metric]
    first = next(iter(scores[runs[0].policy].values())).keys()
    for arm, by_step in scores.items():
        for step, by_seeds in by_step.items():
            if by_seeds.keys() != first:
                raise ArtefactError(
                    f"{runs[0].task}: {arm} has other runs after {step} steps than {runs[0].policy}"
                )
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
            "mean": point.summary.mean,
            "low": point.summary.interval[0] if point.summary.interval else None,
            "high": point.summary.interval[1] if point.summary.interval else None,
            "runs": len(point.scores),
            "scores": " ".join(map(repr, point.scores)),
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
                scores = tuple(map(float, row["scores"].split()))
                of_task.arms.setdefault(row["arm"], []).append(
                    Point(int(row["total_steps"]), scores)
                )
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} does not hold scores by steps") from error
    return list(curves.values())


def _point(step: int, scores: Mapping[Seeds, float]) -> Point:
    return Point(step, tuple(score for _, score in sorted(scores.items())))
