"""The stage that tests a table: which arm is best, and which are not significantly worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.arrow_files import read_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.records import JsonRecord
from maskpolicy.statistics import paired
from maskpolicy.statistics.anova import Anova, star

THRESHOLD = 0.1
"""An arm with a larger p against the best one counts as not significantly worse."""

AVERAGE = "(average)"
"""The column of each run's mean over tasks; no task can have this name."""

Shade = Literal["dark", "light", "none"]
Interval = tuple[float, float]

Flat = Literal["empty", "constant", "equal"]
"""Why a column can't tell arms apart: in all runs all predictions are empty, each run predicts one
thing only, or all runs score the same."""


class ArmScores(JsonRecord):
    """One arm in one column: its scores by seed, in [0, 1] or [-1, 1], and their summary."""

    arm: str  # the name of its row, unlike others where a policy has several
    policy: str
    stage: str
    scores: list[float]  # in the order of Significance.seeds
    mean: float
    std: float | None
    interval: Interval | None  # t interval of the mean
    learning_rates: list[float]  # of the runs
    tied_rates: tuple[float, ...] = ()  # of those, what another one always equalled on dev
    only_predictions: list[str | None]  # of each run, where all its predictions are one
    shade: Shade
    anova: Anova | None = None  # against the arm that stars are against, where they are asked for


class Comparison(JsonRecord):
    """`arm` against `other` in one column; differences are arm - other, on the scale of scores."""

    arm: str
    other: str
    difference: float
    interval: Interval | None
    t: float | None
    degrees: int
    p: float | None  # paired t-test over seeds, two-sided, uncorrected
    p_examples: float | None  # approximate randomisation over examples, the mean score over seeds;
    # None of the average, whose tasks have no examples in common
    note: str | None


class SearchedCounts(JsonRecord):
    """Steps or batch sizes of fine-tuning, of which several were searched."""

    axis: str
    grid: list[int]  # ascending
    chosen: dict[str, list[int]]  # arm -> of its runs, but for what another one equalled on dev


class Column(JsonRecord):
    """One task and metric: the arms in the order of the table, and the comparisons among them.

    Of the average, `task` is AVERAGE, `metric` "mean", and `examples` and `grid` are nothing.
    """

    task: str
    metric: str
    signature: str
    split: str
    examples: int
    grid: list[float]  # the learning rates that were searched, ascending
    searched: tuple[SearchedCounts, ...] = ()  # beside them
    flat: Flat | None  # why no arm is marked, where none is
    best: str
    arms: list[ArmScores]
    comparisons: list[Comparison]

    @property
    def label(self) -> str:
        """What its scores are, in few letters."""
        return self.metric if self.task == AVERAGE else find_metric(self.metric).label

    @property
    def title(self) -> str:
        """What stands over it."""
        return AVERAGE.strip("()") if self.task == AVERAGE else f"{self.task} {self.label}"

    def comparison(self, arm: str, other: str) -> Comparison | None:
        """The comparison of two arms, where it was made in this direction."""
        for comparison in self.comparisons:
            if (comparison.arm, comparison.other) == (arm, other):
                return comparison
        return None


class SeedPair(JsonRecord):
    """The seeds of one run of every arm."""

    pretraining: int
    finetuning: int


class ComparedBlock(JsonRecord):
    """The arms of one model, which are tested among each other."""

    model: str
    columns: list[Column]  # the same tasks and metrics in every block


class Significance(JsonRecord):
    """Everything that a result table says about scores."""

    threshold: float
    confidence: float  # coverage of the intervals
    randomisations: int  # of the test over examples
    seeds: list[SeedPair]
    baselines: tuple[str, ...] = ()  # what else every arm is compared with, where a block has it
    starred: str | None = None  # the arm that stars are against
    blocks: list[ComparedBlock]


def test_significance(
    runs_arrow: Path,
    output: Path,
    *,
    baselines: Sequence[str] = (),
    starred: str | None = None,
    average: bool = False,
) -> None:
    """Test every column of a table of runs (RUNS_SCHEMA) and write a Significance record as JSON.

    Within its block, each arm is compared with the best one, with the arm without intermediate
    pre-training (of its own stage, where the block has that), and with its own matched-budget
    control, where the table has them, and with the `baselines`; of one run of each nothing is
    compared. Shading is that of Ye et al. 2021, tables 1 to 3: the best mean dark, and light every
    arm that is not significantly worse (p > 0.1, paired t-test over seeds, no correction for the
    number of comparisons). Where nothing was learnt by any arm none is shaded, and neither is one
    that is alone. With `average`, a last column has each run's mean over tasks, of the first metric
    of each. Raises ArtefactError.
    """
    runs = read_table(runs_arrow)
    try:
        seeds = _distinct(runs, "pretraining_seed", "seed")
        blocks = []
        for (number,) in _distinct(runs, "block"):
            block = runs.filter(pc.field("block") == number)
            metrics = _distinct(block, "task", "metric")
            cells = [_cells(block, task, metric, seeds) for task, metric in metrics]
            if average:
                cells.append(_average(cells))
            model = block.column("model")[0].as_py()
            columns = [_test_column(each, baselines, starred) for each in cells]
            blocks.append(ComparedBlock(model=model, columns=columns))
        if not blocks:
            raise ValueError("it has no runs")
    except (KeyError, IndexError, ValueError) as error:
        raise ArtefactError(f"{runs_arrow} is not a table of runs: {error}") from error
    Significance(
        threshold=THRESHOLD,
        confidence=paired.CONFIDENCE,
        randomisations=paired.RANDOMISATIONS,
        seeds=[SeedPair(pretraining=p, finetuning=f) for p, f in seeds],
        baselines=tuple(baselines),
        starred=starred,
        blocks=blocks,
    ).write(output)


test_significance.__test__ = False  # type: ignore[attr-defined]  # a stage of the study, not a test for pytest to collect


@dataclass(frozen=True)
class _Cells:
    """The runs of one column by row, in the order of the seeds."""

    about: dict[str, Any]  # task, metric, signature, split, examples and grid
    rows: dict[str, tuple[str, str]]  # name -> policy and stage
    scores: dict[str, np.ndarray]  # [seeds]
    statistics: dict[str, np.ndarray] | None  # [examples, seeds, M]
    rates: dict[str, np.ndarray]  # [seeds]
    tied: dict[str, np.ndarray]  # [seeds], bool
    only: dict[str, list[str | None]]

    def standing(self, row: str) -> list[str]:
        """What a row is compared with wherever its block has it: the arm without a policy, of
        another stage where its own has none; and its own control, of its stage.
        """
        policy, stage = self.rows[row]
        named = {of_row: name for name, of_row in self.rows.items()}
        first = next((name for name, (arm, _) in self.rows.items() if arm == NO_POLICY), None)
        others = named.get((NO_POLICY, stage), first), named.get((policy + CONTROL, stage))
        return [other for other in others if other is not None]


def _cells(runs: pa.Table, task: str, metric: str, seeds: Sequence[tuple[int, int]]) -> _Cells:
    here = runs.filter((pc.field("task") == task) & (pc.field("metric") == metric))
    rows = {row: (arm, stage) for row, arm, stage in _distinct(here, "row", "policy", "stage")}
    cells = (here.column(n).to_pylist() for n in ("row", "pretraining_seed", "seed"))
    place = {cell: i for i, cell in enumerate(zip(*cells, strict=True))}
    places = {row: [place[row, *seed] for seed in seeds] for row in rows}
    statistics = {
        row: np.stack([_example_statistics(here, i) for i in of_row], axis=1)
        for row, of_row in places.items()
    }
    if len({some.shape[2] for some in statistics.values()}) > 1:
        raise ValueError(f"statistics of {metric} on {task} differ in length: score its runs anew")
    scores, rates = (here.column(n).to_numpy() for n in ("score", "learning_rate"))
    tied = np.array(here.column("learning_rate_tied").to_pylist(), bool)
    only = here.column("only_prediction").to_pylist()
    (first,) = here.slice(0, 1).select(["signature", "split", "examples"]).to_pylist()
    grid = here.column("learning_rates")[0].as_py()
    return _Cells(
        about={
            "task": task,
            "metric": metric,
            **first,
            "grid": grid,
            "searched": _searched(here, places),
        },
        rows=rows,
        scores={row: scores[of_row] for row, of_row in places.items()},
        statistics=statistics,
        rates={row: rates[of_row] for row, of_row in places.items()},
        tied={row: tied[of_row] for row, of_row in places.items()},
        only={row: [only[i] for i in of_row] for row, of_row in places.items()},
    )


def _average(columns: Sequence[_Cells]) -> _Cells:
    """Each run's mean over tasks, of the first metric of each: what chose its learning rate."""
    first_of_task: dict[str, _Cells] = {}
    for column in columns:
        first_of_task.setdefault(column.about["task"], column)
    firsts = list(first_of_task.values())
    rows = firsts[0].rows
    of = (f"{column.about['task']}:{column.about['metric']}" for column in firsts)
    nothing = {row: np.zeros(0) for row in rows}
    return _Cells(
        about={
            "task": AVERAGE,
            "metric": "mean",
            "signature": "|".join(["mean", *of]),
            "split": ", ".join(dict.fromkeys(column.about["split"] for column in firsts)),
            "examples": 0,
            "grid": [],
            "searched": (),
        },
        rows=rows,
        scores={row: np.mean([column.scores[row] for column in firsts], axis=0) for row in rows},
        statistics=None,
        rates=nothing,
        tied={row: np.zeros(0, bool) for row in rows},
        only={row: [None] * len(scores) for row, scores in firsts[0].scores.items()},
    )


def _test_column(cells: _Cells, baselines: Sequence[str], starred: str | None) -> Column:
    scores, rates, tied = cells.scores, cells.rates, cells.tied
    rows = list(cells.rows)
    flat = _flat(list(scores.values()), [text for of_row in cells.only.values() for text in of_row])
    best = max(rows, key=lambda row: scores[row].mean())  # of equal means, the first
    comparisons = {
        (row, other): _compare(row, other, cells)
        for row in rows
        for other in (best, *cells.standing(row), *baselines)
        if other in rows and other != row and len(scores[row]) > 1
    }
    return Column(
        **cells.about,
        flat=flat,
        best=best,
        arms=[
            ArmScores(
                arm=row,
                policy=policy,
                stage=stage,
                scores=scores[row].tolist(),
                learning_rates=rates[row].tolist(),
                tied_rates=np.setdiff1d(rates[row], rates[row][~tied[row]]).tolist(),
                only_predictions=cells.only[row],
                shade="none"
                if flat or len(rows) < 2
                else _shade(scores[row], scores[best], comparisons.get((row, best))),
                anova=star(scores[row], scores[starred])
                if starred in scores and starred != row
                else None,
                **vars(paired.summarise(scores[row])),
            )
            for row, (policy, stage) in cells.rows.items()
        ],
        comparisons=list(comparisons.values()),
    )


def _searched(runs: pa.Table, rows: Mapping[str, list[int]]) -> tuple[SearchedCounts, ...]:
    """What else than the learning rate was searched, from the rows of each arm."""
    of_row = [some or [] for some in runs.column("searched").to_pylist()]
    return tuple(
        SearchedCounts(
            axis=axis["axis"],
            grid=axis["grid"],
            chosen={
                arm: sorted(
                    {of_row[row][i]["chosen"] for row in some if not of_row[row][i]["tied"]}
                )
                for arm, some in rows.items()
            },
        )
        for i, axis in enumerate(of_row[0])
    )


def _flat(scores: Sequence[np.ndarray], only: Sequence[str | None]) -> Flat | None:
    """What keeps arms from being told apart; `only` are the only predictions of all their runs."""
    if len(scores) < 2:
        return None
    if all(text == "" for text in only):
        return "empty"
    if None not in only:
        return "constant"
    return "equal" if np.ptp(scores) <= paired.ROUNDING else None


def _example_statistics(runs: pa.Table, row: int) -> np.ndarray:
    """Of one run, float64 [examples, M]."""
    numbers = runs.column("example_statistics")[row].values.to_numpy()
    return numbers.reshape(runs.column("examples")[row].as_py(), -1)


def _compare(arm: str, other: str, cells: _Cells) -> Comparison:
    p_examples = None
    if cells.statistics is not None:
        metric = find_metric(cells.about["metric"])
        p_examples = paired.randomisation_test(
            cells.statistics[arm],
            cells.statistics[other],
            lambda means: metric.score(means).mean(axis=-1),
        )
    return Comparison(
        arm=arm,
        other=other,
        **vars(paired.paired_t_test(cells.scores[arm], cells.scores[other])),
        p_examples=p_examples,
    )


def _shade(scores: np.ndarray, best: np.ndarray, against_best: Comparison | None) -> Shade:
    if abs(scores.mean() - best.mean()) <= paired.ROUNDING:
        return "dark"
    # Without a test (one run) nothing is known, so nothing is claimed.
    p = against_best.p if against_best else None
    return "light" if p is not None and p > THRESHOLD else "none"


def _distinct(table: pa.Table, *names: str) -> list[tuple]:
    """The distinct rows of some columns, in order of first appearance."""
    columns = (table.column(name).to_pylist() for name in names)
    return list(dict.fromkeys(zip(*columns, strict=True)))
