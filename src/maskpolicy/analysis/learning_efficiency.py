"""Learning efficiency: the downstream score against the steps of pre-training."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from maskpolicy.analysis.benchmarks import Costs, read_costs
from maskpolicy.analysis.costs import GENERAL
from maskpolicy.analysis.curves import Point, TaskCurves, curves_of, rows_of
from maskpolicy.analysis.savings import (
    TOO_FEW_RUNS,
    TimeSaved,
    course_of,
    saving_of,
    write_savings,
)
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.drawing.palette import CATEGORIES, FAINT
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
)
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.held_out import HeldOutLosses, mean_losses
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.runs import Run
from maskpolicy.statistics.paired import CONFIDENCE

_MARKERS = "os^D"  # the next one where colours start over


def draw_learning_efficiency(
    metrics_files: Sequence[Path],
    costs: Path,
    start: int,
    steps: int,
    folder: Path,
    name: str,
    held_out: Sequence[HeldOutLosses] = (),
) -> None:
    """Draw the score of every arm after the kept steps and the last of `steps`.

    After Zheng et al. 2020, figure 4. `metrics_files` are the metrics.json of all runs; one without
    a step is of the last. `costs` is the CSV of :func:`~maskpolicy.analysis.costs.draw_costs`, with
    every arm that is pre-trained after the `start` general steps that all have in common. The
    losses `held_out`, of the same arms, have a panel of their own. Writes NAME.svg, NAME.png and
    NAME.csv to `folder`, and NAME-saved.csv with every
    :class:`~maskpolicy.analysis.savings.TimeSaved`.

    Raises ArtefactError, naming the file, when a run or the costs can't be read or lack an arm.
    """
    runs = [Run.read(path) for path in metrics_files]
    if not runs:
        raise ArtefactError("there are no runs to draw")
    measured = read_costs(costs)
    if unmeasured := {run.policy for run in runs} - {NO_POLICY, *measured}:
        raise ArtefactError(f"{costs} lacks {', '.join(sorted(unmeasured))}: rerun its rule")
    tasks = dict.fromkeys(run.task for run in runs)
    curves = [curves_of([run for run in runs if run.task == task], start, steps) for task in tasks]
    saved = [savings(of_task, start, measured) for of_task in curves]
    rows = [row for of_task in curves for row in rows_of(of_task)]
    write_picture(folder, name, _draw(curves, saved, start, mean_losses(held_out)), rows)
    write_savings(folder / f"{name}-saved.csv", [each for of_task in saved for each in of_task])


def savings(curves: TaskCurves, start: int, costs: Costs) -> list[TimeSaved]:
    """Every arm against every other one, but for those that are not pre-trained.

    General pre-training is not counted, because all have it in common.
    """
    trained = {arm: points for arm, points in curves.arms.items() if arm != NO_POLICY}
    stages = {
        arm: {stage: seconds for stage, seconds in costs[arm].items() if stage != GENERAL}
        for arm in trained
    }
    courses = [course_of(arm, points, start, stages[arm]) for arm, points in trained.items()]
    return [saving_of(curves.task, arm, other) for arm, other in permutations(courses, 2)]


def draw_curve(panel: Axes, arm: str, points: Sequence[Point], number: int, label: str) -> None:
    """Draw the curve of an arm and its band over runs.

    `number` is that of its policy, whose colour a control has too; `label` is for the legend.
    """
    steps = [point.step for point in points]
    means = [100 * point.summary.mean for point in points]
    panel.plot(steps, means, **_line(arm, number), label=label)
    summaries = [point.summary for point in points]
    bounds = [summary.interval or (summary.mean, summary.mean) for summary in summaries]
    low, high = ([100 * bound[side] for bound in bounds] for side in (0, 1))
    colour = CATEGORIES[number % len(CATEGORIES)]
    panel.fill_between(steps, low, high, color=colour, alpha=0.09, linewidth=0)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))  # 200k


def _line(arm: str, number: int) -> dict[str, Any]:
    """How the line of an arm looks, whose policy has that number."""
    colour, control = CATEGORIES[number % len(CATEGORIES)], arm.endswith(CONTROL)
    return {
        "color": colour,
        "linestyle": (0, (2, 1.5)) if control else "-",
        "linewidth": 1.4,
        "marker": _MARKERS[number // len(CATEGORIES) % len(_MARKERS)],
        "markerfacecolor": "white" if control else colour,
        "markersize": 4,
    }


def _draw(
    curves: Sequence[TaskCurves],
    saved: Sequence[Sequence[TimeSaved]],
    start: int,
    losses: Mapping[str, Mapping[int, float]],
) -> Picture:
    number = len(curves) + (1 if losses else 0)
    with picture_of_panels(number, 4.2, 3.3, beside=2.2) as (figure, panels):
        for panel, of_task, of_arms in zip(panels, curves, saved, strict=False):
            _draw_task(panel, of_task)
            panel.set_title("\n".join([of_task.task, *_said(of_arms)]), fontsize=8)
        if losses:
            _draw_losses(panels[-1], losses, start, _policies(curves[0]))
        for panel in panels:
            panel.set_xlabel(
                f"steps of pre-training, the first {start:,} of them general"
                if start
                else "steps of intermediate pre-training"
            )
        # Beside the panels: curves of policies lie close together.
        figure.legend(*panels[0].get_legend_handles_labels(), loc=LEGEND_BESIDE)
        figure.suptitle(
            "Downstream score against steps of pre-training\n"
            f"bands: {CONFIDENCE:.0%} interval over runs",
            fontsize=10,
        )
        return rendered(figure)


def _policies(curves: TaskCurves) -> list[str]:
    """What colours are for: the policies of its arms."""
    return list(dict.fromkeys(policy_of(arm) for arm in curves.arms if arm != NO_POLICY))


def _draw_losses(
    panel: Axes, losses: Mapping[str, Mapping[int, float]], start: int, policies: Sequence[str]
) -> None:
    for arm, by_step in losses.items():
        if arm == NO_POLICY:
            panel.axhline(by_step[0], color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
        else:
            steps, line = (
                [start + step for step in by_step],
                _line(arm, policies.index(policy_of(arm))),
            )
            panel.plot(steps, list(by_step.values()), **line)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_title("held-out text\nthe same masks for all arms", fontsize=8)
    panel.set_ylabel("loss (nats per predicted token)")
    panel.grid(axis="y")


def _draw_task(panel: Axes, curves: TaskCurves) -> None:
    policies = _policies(curves)
    if NO_POLICY in curves.arms:
        level = 100 * curves.arms[NO_POLICY][0].summary.mean
        panel.axhline(level, color=FAINT, linestyle=(0, (4, 3)), linewidth=1, label=NO_POLICY)
    for arm, points in curves.arms.items():
        if arm != NO_POLICY:
            draw_curve(panel, arm, points, policies.index(policy_of(arm)), arm)
    panel.set_ylabel(f"{find_metric(curves.metric).label} (×100)")
    panel.grid(axis="y")


def _said(savings: Sequence[TimeSaved]) -> list[str]:
    """What is saved against the first arm: a table begins with what the others are held against."""
    if not savings:
        return []
    first = savings[0].arm
    against = [saving for saving in savings if saving.other == first]
    numbers = [str(saving) for saving in against if not saving.note]
    if against[0].note == TOO_FEW_RUNS:
        said = TOO_FEW_RUNS
    elif not numbers:
        said = f"no arm and {first} both rise: no time to save"
    else:
        said = f"time saved against {first}: {', '.join(numbers)}"
    return fill(said, 62).splitlines()
