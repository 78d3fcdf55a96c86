"""Learning efficiency: the downstream score against the steps of intermediate pre-training."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from maskpolicy.artefacts import ArtefactError
from maskpolicy.config import NO_POLICY
from maskpolicy.evaluation.metrics import METRICS
from maskpolicy.evaluation.runs import Run
from maskpolicy.reporting.palette import CATEGORIES, FAINT
from maskpolicy.reporting.pictures import Picture, picture, rendered, write_picture, write_rows
from maskpolicy.statistics.paired import CONFIDENCE, summarise


@dataclass(frozen=True)
class Point:
    """The score of an arm after some steps, in [0, 1], and its t interval over n runs."""

    step: int
    mean: float
    interval: tuple[float, float] | None
    runs: int


Curves = dict[str, list[Point]]
"""Arm -> its points, in order of their steps."""


def draw_learning_efficiency(
    metrics_files: Sequence[Path], steps: int, folder: Path, name: str
) -> None:
    """Draw the score of every arm after the kept steps and the last of `steps` (paper C, figure 2).

    `metrics_files` are the metrics.json of all runs; one without a step is of the last. Every arm
    begins where the arm without intermediate pre-training ends, if that is among them. Writes
    NAME.svg, NAME.png and NAME.csv to `folder`, and NAME-saved.csv: after which share of the steps
    an arm has the last score of another one, between two points by a straight line.

    Raises ArtefactError, naming the file, when a run can't be read.
    """
    runs = [Run.read(path) for path in metrics_files]
    if not runs:
        raise ArtefactError("there are no runs to draw")
    metric = next(iter(runs[0].metrics))
    curves = {
        task: curves_of([run for run in runs if run.task == task], metric, steps)
        for task in dict.fromkeys(run.task for run in runs)
    }
    write_picture(folder, name, _draw(curves, metric), _rows(curves, metric))
    saved = [
        {"task": task, "arm": arm, "reaches": other, "share_of_steps": share}
        for task, some in curves.items()
        for arm, other, share in saved_steps(some)
    ]
    write_rows(folder / f"{name}-saved.csv", saved)


def curves_of(runs: Sequence[Run], metric: str, steps: int) -> Curves:
    """The curve of every arm of one task, in the order in which the arms come."""
    scores: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        step = 0 if run.policy == NO_POLICY else steps if run.step is None else run.step
        scores[run.policy][step].append(run.metrics[metric])
    before = scores.get(NO_POLICY, {})
    return {
        arm: [_point(step, some) for step, some in sorted((dict(before) | by_step).items())]
        for arm, by_step in scores.items()
    }


def saved_steps(curves: Curves) -> list[tuple[str, str, float | None]]:
    """(arm, other, share of the steps after which the arm first has the other's last mean score).

    None where it never has. Arms without intermediate pre-training have no steps to save.
    """
    trained = {arm: points for arm, points in curves.items() if arm != NO_POLICY}
    return [
        (arm, other, _first_reached(points, trained[other][-1].mean))
        for arm, points in trained.items()
        for other in trained
        if other != arm
    ]


def _first_reached(points: Sequence[Point], score: float) -> float | None:
    for before, after in zip((points[0], *points), points, strict=False):
        if after.mean >= score:
            rise = after.mean - before.mean
            share = (score - before.mean) / rise if rise > 0 else 1.0
            step = before.step + max(0.0, share) * (after.step - before.step)
            return round(step / points[-1].step, 4)
    return None


def _point(step: int, scores: Sequence[float]) -> Point:
    summary = summarise(np.array(scores))
    return Point(step, summary.mean, summary.interval, len(scores))


def _rows(curves: dict[str, Curves], metric: str) -> list[dict[str, object]]:
    return [
        {
            "task": task,
            "metric": metric,
            "arm": arm,
            "step": point.step,
            "mean": point.mean,
            "low": point.interval[0] if point.interval else None,
            "high": point.interval[1] if point.interval else None,
            "runs": point.runs,
        }
        for task, some in curves.items()
        for arm, points in some.items()
        for point in points
    ]


def _draw(curves: dict[str, Curves], metric: str) -> Picture:
    with picture(2.2 + 4.2 * len(curves), 3.6) as figure:
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        for panel, (task, some) in zip(panels, curves.items(), strict=True):
            _draw_task(panel, some)
            panel.set_title(task, fontsize=9)
            panel.set_xlabel("steps of intermediate pre-training")
        panels[0].set_ylabel(f"{METRICS[metric].label} (×100)")
        figure.suptitle(
            f"Downstream score on the way (bands: {CONFIDENCE:.0%} interval over runs)", fontsize=10
        )
        # Beside the panels: curves of policies lie close together.
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        return rendered(figure)


def _draw_task(panel: Axes, curves: Curves) -> None:
    colours = iter(CATEGORIES * len(curves))
    for arm, points in curves.items():
        means = [100 * point.mean for point in points]
        if arm == NO_POLICY:
            panel.axhline(means[0], color=FAINT, linestyle=(0, (4, 3)), linewidth=1, label=arm)
            continue
        steps, colour = [point.step for point in points], next(colours)
        panel.plot(steps, means, color=colour, marker="o", markersize=3.5, linewidth=1.4, label=arm)
        bounds = [point.interval or (point.mean, point.mean) for point in points]
        low, high = ([100 * bound[side] for bound in bounds] for side in (0, 1))
        panel.fill_between(steps, low, high, color=colour, alpha=0.1, linewidth=0)
    panel.grid(axis="y")
