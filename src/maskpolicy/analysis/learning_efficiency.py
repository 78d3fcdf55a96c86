"""Learning efficiency: the downstream score against the steps of intermediate pre-training."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from maskpolicy.artefacts import ArtefactError
from maskpolicy.evaluation.metrics import METRICS
from maskpolicy.evaluation.runs import Run
from maskpolicy.policies.specs import CONTROL, NO_POLICY
from maskpolicy.reporting.palette import CATEGORIES, FAINT
from maskpolicy.reporting.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
    write_rows,
)
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING, summarise

_MARKERS = "os^D"  # the next one where colours start over


@dataclass(frozen=True)
class Point:
    """The mean score of an arm after some steps and its t interval over n runs."""

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


@dataclass(frozen=True)
class Saving:
    """After which share of the steps an arm first has the last mean score of another; None: never.

    Between two points the score is taken to lie on a straight line.
    """

    task: str
    arm: str
    reaches: str
    share_of_steps: float | None


def draw_learning_efficiency(
    metrics_files: Sequence[Path], steps: int, folder: Path, name: str
) -> None:
    """Draw the score of every arm after the kept steps and the last of `steps` (paper C, figure 2).

    `metrics_files` are the metrics.json of all runs; one without a step is of the last. Every arm
    begins where the arm without intermediate pre-training ends, if that is among them. Writes
    NAME.svg, NAME.png and NAME.csv to `folder`, and NAME-saved.csv with every :class:`Saving`.

    Raises ArtefactError, naming the file, when a run can't be read.
    """
    runs = [Run.read(path) for path in metrics_files]
    if not runs:
        raise ArtefactError("there are no runs to draw")
    tasks = dict.fromkeys(run.task for run in runs)
    curves = [curves_of([run for run in runs if run.task == task], steps) for task in tasks]
    write_picture(folder, name, _draw(curves), _rows(curves))
    saved = [asdict(saving) for of_task in curves for saving in savings(of_task)]
    write_rows(folder / f"{name}-saved.csv", [field.name for field in fields(Saving)], saved)


def curves_of(runs: Sequence[Run], steps: int) -> TaskCurves:
    """The curves of all arms of one task, in the order in which the arms come."""
    metric = next(iter(runs[0].metrics))
    scores: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        step = 0 if run.policy == NO_POLICY else steps if run.step is None else run.step
        scores[run.policy][step].append(run.metrics[metric])
    before = scores.get(NO_POLICY, {})
    arms = {
        arm: [_point(step, some) for step, some in sorted((before | by_step).items())]
        for arm, by_step in scores.items()
    }
    return TaskCurves(runs[0].task, metric, arms)


def savings(curves: TaskCurves) -> list[Saving]:
    """Every arm against every other one; those without pre-training have no steps to save."""
    trained = {arm: points for arm, points in curves.arms.items() if arm != NO_POLICY}
    return [
        Saving(curves.task, arm, other, _first_reached(points, trained[other][-1].mean))
        for arm, points in trained.items()
        for other in trained
        if other != arm
    ]


def _first_reached(points: Sequence[Point], score: float) -> float | None:
    score -= ROUNDING
    if points[0].mean >= score:
        return round(points[0].step / points[-1].step, 4)
    for before, after in pairwise(points):
        if after.mean >= score:
            share = (score - before.mean) / (after.mean - before.mean)
            step = before.step + share * (after.step - before.step)
            return round(step / points[-1].step, 4)
    return None


def _point(step: int, scores: Sequence[float]) -> Point:
    summary = summarise(np.array(scores))
    return Point(step, summary.mean, summary.interval, len(scores))


def _rows(curves: Sequence[TaskCurves]) -> list[dict[str, object]]:
    return [
        {
            "task": of_task.task,
            "metric": of_task.metric,
            "arm": arm,
            "step": point.step,
            "mean": point.mean,
            "low": point.interval[0] if point.interval else None,
            "high": point.interval[1] if point.interval else None,
            "runs": point.runs,
        }
        for of_task in curves
        for arm, points in of_task.arms.items()
        for point in points
    ]


def _draw(curves: Sequence[TaskCurves]) -> Picture:
    with picture_of_panels(len(curves), 4.2, 3.1, beside=2.2) as (figure, panels):
        for panel, of_task in zip(panels, curves, strict=True):
            _draw_task(panel, of_task)
        # Beside the panels: curves of policies lie close together.
        figure.legend(*panels[0].get_legend_handles_labels(), loc=LEGEND_BESIDE)
        figure.suptitle(
            "Downstream score against steps of intermediate pre-training\n"
            f"bands: {CONFIDENCE:.0%} interval over runs",
            fontsize=10,
        )
        return rendered(figure)


def _draw_task(panel: Axes, curves: TaskCurves) -> None:
    policies = list(dict.fromkeys(arm.removesuffix(CONTROL) for arm in curves.arms))
    if NO_POLICY in policies:
        policies.remove(NO_POLICY)
        level = 100 * curves.arms[NO_POLICY][0].mean
        panel.axhline(level, color=FAINT, linestyle=(0, (4, 3)), linewidth=1, label=NO_POLICY)
    for arm, points in curves.arms.items():
        if arm != NO_POLICY:
            _draw_curve(panel, arm, points, policies.index(arm.removesuffix(CONTROL)))
    panel.set_title(curves.task, fontsize=9)
    panel.set_xlabel("steps of intermediate pre-training")
    panel.set_ylabel(f"{METRICS[curves.metric].label} (×100)")
    panel.grid(axis="y")


def _draw_curve(panel: Axes, arm: str, points: Sequence[Point], number: int) -> None:
    """Draw one arm; a control has the colour of its policy."""
    colour, control = CATEGORIES[number % len(CATEGORIES)], arm.endswith(CONTROL)
    steps = [point.step for point in points]
    panel.plot(
        steps,
        [100 * point.mean for point in points],
        color=colour,
        linestyle=(0, (2, 1.5)) if control else "-",
        linewidth=1.4,
        marker=_MARKERS[number // len(CATEGORIES) % len(_MARKERS)],
        markerfacecolor="white" if control else colour,
        markersize=4,
        label=arm,
    )
    bounds = [point.interval or (point.mean, point.mean) for point in points]
    low, high = ([100 * bound[side] for bound in bounds] for side in (0, 1))
    panel.fill_between(steps, low, high, color=colour, alpha=0.09, linewidth=0)
