"""Where to stop general pre-training: curves that depart from its checkpoints, in one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes

from maskpolicy.analysis.benchmarks import Costs, read_costs
from maskpolicy.analysis.costs import GENERAL
from maskpolicy.analysis.curves import Point, TaskCurves, read_curves, rows_of
from maskpolicy.analysis.learning_efficiency import draw_curve
from maskpolicy.analysis.savings import (
    TOO_FEW_RUNS,
    Course,
    TimeSaved,
    course_of,
    saving_of,
    scores_of,
    write_savings,
)
from maskpolicy.analysis.specs import StoppedTable
from maskpolicy.arms import NO_POLICY, policy_of
from maskpolicy.drawing.palette import INK
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
)
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.statistics.paired import CONFIDENCE

_ALONE = "general pre-training alone"


@dataclass(frozen=True)
class Departure:
    """The curves of a task that depart from one general checkpoint, and what their arms cost."""

    general_steps: int
    curves: TaskCurves
    costs: Costs

    @property
    def alone(self) -> Point | None:
        """The score of the checkpoint itself, where the table has that arm."""
        points = self.curves.arms.get(NO_POLICY)
        return points[0] if points else None

    @property
    def trained(self) -> dict[str, list[Point]]:
        """The points of the arms with intermediate pre-training."""
        return {arm: points for arm, points in self.curves.arms.items() if arm != NO_POLICY}


def draw_general_stops(tables: Sequence[StoppedTable], folder: Path, name: str) -> None:
    """Draw the scores of tables that start from several general checkpoints.

    After Gu et al. 2020, figure 2. The arms without intermediate pre-training are the line of
    general pre-training alone, from which the other arms depart. Writes NAME.svg, NAME.png and
    NAME.csv to `folder`, and NAME-saved.csv: what each arm has cost, general pre-training too, when
    it first has the highest score that it and general pre-training alone both come to, against
    what that score cost the latter (the part of the pie that is white in figure 3 of Gu et al.
    2020, where it is the score of the longest general pre-training).

    `tables` are at least two, of the same tasks. Raises ArtefactError, naming the file, when one
    can't be read or lacks an arm.
    """
    tables = sorted(tables, key=lambda table: table.general_steps)
    of_tables = [_departures(table) for table in tables]
    of_tasks = [list(departures) for departures in zip(*of_tables, strict=True)]
    _check_runs(tables, of_tables)
    saved = [savings(departures) for departures in of_tasks]
    names = {arm: name for table in tables for arm, name in table.arms.items()}
    rows = [
        {"general_steps": departure.general_steps, **row}
        for departures in of_tasks
        for departure in departures
        for row in rows_of(departure.curves)
    ]
    write_picture(folder, name, _draw(of_tasks, saved, names), rows)
    write_savings(folder / f"{name}-saved.csv", [each for of_task in saved for each in of_task])


def savings(departures: Sequence[Departure]) -> list[TimeSaved]:
    """Every arm that departs before the last checkpoint against general pre-training alone."""
    alone = [departure.alone for departure in departures if departure.alone]
    if len(alone) < len(departures):
        return []
    *earlier, last = departures
    seconds = next(iter(last.costs.values()))[GENERAL]  # the same for every arm
    shares = np.array([point.step for point in alone]) / alone[-1].step
    general = Course(_departing(NO_POLICY, last), scores_of(alone), shares * seconds)
    courses = [
        course_of(_departing(arm, departure), points, departure.general_steps, departure.costs[arm])
        for departure in earlier
        for arm, points in departure.trained.items()
    ]
    return [saving_of(last.curves.task, course, general) for course in courses]


def _departing(arm: str, departure: Departure) -> str:
    return f"{arm} after {departure.general_steps:,} general steps"


def _departures(table: StoppedTable) -> list[Departure]:
    """The departures of a table, one a task."""
    costs = read_costs(Path(table.costs))
    departures = [
        Departure(table.general_steps, curves, costs) for curves in read_curves(Path(table.curves))
    ]
    for departure in departures:
        for path, arms in ((table.curves, departure.trained), (table.costs, costs)):
            if arms.keys() != table.arms.keys():
                raise ArtefactError(f"{path} is not of {', '.join(table.arms)}: rerun its rule")
    return departures


def _check_runs(tables: Sequence[StoppedTable], of_tables: Sequence[Sequence[Departure]]) -> None:
    runs = {
        table.curves: len(points[0].scores)
        for table, departures in zip(tables, of_tables, strict=True)
        for departure in departures
        for points in departure.curves.arms.values()
    }
    if len(set(runs.values())) > 1:
        counts = ", ".join(f"{number} in {path}" for path, number in runs.items())
        raise ArtefactError(f"curves are of different numbers of runs: {counts}: rerun their rules")


def _draw(
    of_tasks: Sequence[Sequence[Departure]],
    saved: Sequence[Sequence[TimeSaved]],
    names: dict[str, str],
) -> Picture:
    with picture_of_panels(len(of_tasks), 4.8, 3.5, beside=2.4) as (figure, panels):
        for panel, departures, of_arms in zip(panels, of_tasks, saved, strict=True):
            _draw_task(panel, departures, names)
            title = "\n".join([departures[0].curves.task, *_said(of_arms)])
            panel.set_title(title, fontsize=8)
        figure.legend(*panels[0].get_legend_handles_labels(), loc=LEGEND_BESIDE)
        figure.suptitle(
            "Downstream score against steps of general and intermediate pre-training\n"
            f"bands: {CONFIDENCE:.0%} interval over runs",
            fontsize=10,
        )
        return rendered(figure)


def _draw_task(panel: Axes, departures: Sequence[Departure], names: dict[str, str]) -> None:
    alone = [departure.alone for departure in departures if departure.alone]
    if alone:
        steps = [point.step for point in alone]
        means = [100 * point.summary.mean for point in alone]
        panel.plot(
            steps,
            means,
            color=INK,
            linewidth=1.4,
            marker="o",
            markersize=4,
            label=_ALONE,
            zorder=3,  # all curves start on it
        )
    policies = list(dict.fromkeys(policy_of(name) for name in names.values()))
    in_legend: set[str] = set()
    for departure in departures:
        for arm, points in departure.trained.items():
            name = names[arm]
            # Matplotlib leaves labels that begin with a line out of the legend.
            label = f"_{name}" if name in in_legend else name
            in_legend.add(name)
            draw_curve(panel, arm, points, policies.index(policy_of(name)), label)
    panel.set_xlabel("steps of pre-training")
    panel.set_ylabel(f"{find_metric(departures[0].curves.metric).label} (×100)")
    panel.grid(axis="y")


def _said(savings: Sequence[TimeSaved]) -> list[str]:
    if not savings:
        return []
    numbers = [saving for saving in savings if saving.saved_share is not None]
    other = savings[0].other
    if savings[0].note == TOO_FEW_RUNS:
        said = TOO_FEW_RUNS
    elif not numbers:
        said = f"no arm and {other} both come above where they depart: no time to save"
    else:
        most = max(numbers, key=lambda saving: saving.saved_share or 0.0)
        said = f"most time saved against {other}, of {len(savings)} arms: {most}"
    return fill(said, 70).splitlines()
