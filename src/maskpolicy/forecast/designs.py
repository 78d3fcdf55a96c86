"""The smallest difference that each table of a study could find, by its number of runs."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import median, stdev
from typing import Literal

from maskpolicy.records import JsonRecord
from maskpolicy.study.plan import Plan
from maskpolicy.study.records import AnyTable

USUAL_SPREAD = 1.0
"""Points: the standard deviation of differences between runs of arms that nothing is known of."""


class Design(JsonRecord):
    """What the paired t-test of a table could find on a task, by its first metric."""

    table: str
    task: str
    metric: str
    runs: int  # of each arm: pairs of the test
    effect: float | None  # the smallest, in standard deviations of differences; None of one run
    spread: float  # that standard deviation, in points (scores times 100)
    spread_from: Literal["observed", "in print", "assumed"]

    @property
    def points(self) -> float | None:
        """The smallest difference in points."""
        return None if self.effect is None else self.effect * self.spread


def designs_of(plan: Plan) -> list[Design]:
    """Of every table and task, in the order of the study."""
    from maskpolicy.statistics.power import smallest_effect

    seeds = plan.study.seeds
    runs = len(seeds.pretraining) * len(seeds.finetuning)
    effect = smallest_effect(runs)
    designs = []
    for name, table in plan.study.tables.items():
        observed = dict(_observed(Path(plan.study.results, "tables", f"{name}.runs.csv")))
        for task in table.tasks:
            metric = plan.study.tasks[task].metrics[0]
            spread, origin = USUAL_SPREAD, "assumed"
            if printed := _printed(table, task, metric):
                spread, origin = printed, "in print"
            if (task, metric) in observed:
                spread, origin = observed[task, metric], "observed"
            designs.append(
                Design(
                    table=name,
                    task=task,
                    metric=metric,
                    runs=runs,
                    effect=effect,
                    spread=spread,
                    spread_from=origin,
                )
            )
    return designs


def _observed(path: Path) -> Iterator[tuple[tuple[str, str], float]]:
    """By task and metric: the median over pairs of rows of a block of the standard deviation of
    their differences over runs. None where there is no such file, or not two runs.
    """
    if not path.exists():
        return
    scores: dict[tuple[str, str], dict[tuple[str, str], dict[tuple[str, str], float]]]
    scores = defaultdict(lambda: defaultdict(dict))
    with path.open(encoding="utf-8", newline="") as file:
        for run in csv.DictReader(file):
            of_row = scores[run["task"], run["metric"]][run["block"], run["row"]]
            of_row[run["pretraining_seed"], run["seed"]] = 100 * float(run["score"])
    for column, rows in scores.items():
        spreads = []
        for (first, ours), (second, theirs) in combinations(rows.items(), 2):
            both = ours.keys() & theirs.keys()
            if first[0] == second[0] and len(both) > 1:
                spreads.append(stdev(ours[seed] - theirs[seed] for seed in both))
        if spreads and (spread := median(spreads)) > 0:
            yield column, spread


def _printed(table: AnyTable, task: str, metric: str) -> float | None:
    """From a paper's standard deviations: of differences of independent runs, sqrt(2) of them."""
    deviations = []
    for block in table.blocks:
        for figures in block.paper.values():
            of_task = figures.get(task)
            if isinstance(of_task, dict) and metric in of_task:
                deviation = of_task[metric][1]
                if deviation:
                    deviations.append(deviation)
    return 2**0.5 * median(deviations) if deviations else None
