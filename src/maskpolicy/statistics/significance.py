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
from maskpolicy.statistics import aggregates, paired
from maskpolicy.statistics.aggregates import Aggregate
from maskpolicy.statistics.anova import Anova, star
from maskpolicy.statistics.comparisons import ArmRuns, Comparison, Interval, compare, correct
from maskpolicy.statistics.multibootstrap import RESAMPLES, Drawn, ExampleSamples, Resampled
from maskpolicy.statistics.multiplicity import dunnett

THRESHOLD = 0.1
"""An arm with a larger p against the best one counts as not significantly worse."""

AVERAGE = "(average)"
"""The column of each run's mean over tasks; no task can have this name."""

Shade = Literal["dark", "light", "none"]

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
    clusters: int | None = None  # of the examples, where they stand in some
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


class ArmOverTasks(JsonRecord):
    """An arm over all tasks of a table, of the first metric of each (Agarwal et al. 2021)."""

    arm: str
    interquartile_mean: Aggregate  # of all scores
    improves_on: dict[str, Aggregate]  # other arm -> the chance that a run of this one is above


class ComparedBlock(JsonRecord):
    """The arms of one model, which are tested among each other."""

    model: str
    columns: list[Column]  # the same tasks and metrics in every block
    over_tasks: tuple[ArmOverTasks, ...] = ()  # of several tasks, and several runs


class Significance(JsonRecord):
    """Everything that a result table says about scores."""

    threshold: float
    confidence: float  # coverage of the intervals
    randomisations: int  # of the test over examples
    resamples: int  # of the multi-bootstrap
    margin: float | None = None  # of equivalence, on the scale of scores; None: nothing is claimed
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
    margin: float | None = None,
) -> None:
    """Test every column of a table of runs (RUNS_SCHEMA) and write a Significance record as JSON.

    Within its block, each arm is compared with the best one, with the arm without intermediate
    pre-training (of its own stage, where the block has that), and with its own matched-budget
    control, where the table has them, and with the `baselines`; of one run of each nothing is
    compared. Shading is that of Ye et al. 2021, tables 1 to 3: the best mean dark, and light every
    arm that is not significantly worse (p > 0.1, paired t-test over seeds, no correction for the
    number of comparisons). Where nothing was learnt by any arm none is shaded, and neither is one
    that is alone. With `average`, a last column has each run's mean over tasks, of the first metric
    of each. With a `margin`, on the scale of scores, it is tested whether arms are equivalent. What
    else every comparison says is in :class:`Comparison`. Raises ArtefactError.
    """
    runs = read_table(runs_arrow)
    try:
        seeds = _distinct(runs, "pretraining_seed", "seed")
        blocks = []
        for (number,) in _distinct(runs, "block"):
            block = runs.filter(pc.field("block") == number)
            metrics = _distinct(block, "task", "metric")
            cells = [_cells(block, task, metric, seeds) for task, metric in metrics]
            over_tasks = _over_tasks(_firsts(cells), baselines)
            if average:
                cells.append(_average(cells))
            model = block.column("model")[0].as_py()
            columns = [_test_column(each, baselines, starred, margin) for each in cells]
            blocks.append(ComparedBlock(model=model, columns=columns, over_tasks=tuple(over_tasks)))
        if not blocks:
            raise ValueError("it has no runs")
    except (KeyError, IndexError, ValueError) as error:
        raise ArtefactError(f"{runs_arrow} is not a table of runs: {error}") from error
    Significance(
        threshold=THRESHOLD,
        confidence=paired.CONFIDENCE,
        randomisations=paired.RANDOMISATIONS,
        resamples=RESAMPLES,
        margin=margin,
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
    runs: dict[str, ArmRuns]
    drawn: Drawn  # what its seeds are resampled by
    clusters: np.ndarray | None  # number of each example's, [examples]
    rates: dict[str, np.ndarray]  # [seeds]
    tied: dict[str, np.ndarray]  # [seeds], bool
    only: dict[str, list[str | None]]

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Of each row, [seeds]."""
        return {row: runs.scores for row, runs in self.runs.items()}

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
    clusters = _clusters(here)
    drawn, of_runs = _drawn(seeds)
    resampled: dict[str, Resampled] = {}
    if len(rows) > 1 and len(seeds) > 1:
        samples = ExampleSamples(len(next(iter(statistics.values()))), clusters, of=task)
        score = find_metric(metric).score
        resampled = {
            row: samples.resample(some, of_runs, score) for row, some in statistics.items()
        }
    tied = np.array(here.column("learning_rate_tied").to_pylist(), bool)
    only = here.column("only_prediction").to_pylist()
    (first,) = here.slice(0, 1).select(["signature", "split", "examples"]).to_pylist()
    grid = here.column("learning_rates")[0].as_py()
    return _Cells(
        about={
            "task": task,
            "metric": metric,
            **first,
            "clusters": None if clusters is None else int(clusters.max()) + 1,
            "grid": grid,
            "searched": _searched(here, places),
        },
        rows=rows,
        runs={
            row: ArmRuns(scores[of_row], statistics[row], resampled.get(row), of_runs)
            for row, of_row in places.items()
        },
        drawn=drawn,
        clusters=clusters,
        rates={row: rates[of_row] for row, of_row in places.items()},
        tied={row: tied[of_row] for row, of_row in places.items()},
        only={row: [only[i] for i in of_row] for row, of_row in places.items()},
    )


def _firsts(columns: Sequence[_Cells]) -> list[_Cells]:
    """Of each task the column of its first metric: what chose its learning rate."""
    first_of_task: dict[str, _Cells] = {}
    for column in columns:
        first_of_task.setdefault(column.about["task"], column)
    return list(first_of_task.values())


def _average(columns: Sequence[_Cells]) -> _Cells:
    """Each run's mean over tasks, of the first metric of each."""
    firsts = _firsts(columns)
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
        runs={row: _mean_of_runs([column.runs[row] for column in firsts]) for row in rows},
        drawn=firsts[0].drawn,
        clusters=None,
        rates=nothing,
        tied={row: np.zeros(0, bool) for row in rows},
        only={row: [None] * len(scores) for row, scores in firsts[0].scores.items()},
    )


def _mean_of_runs(tasks: Sequence[ArmRuns]) -> ArmRuns:
    """Each run's mean over tasks, which have no examples in common."""
    resampled = [task.resampled for task in tasks if task.resampled is not None]
    return ArmRuns(
        np.mean([task.scores for task in tasks], axis=0),
        None,
        Resampled.mean(resampled) if resampled else None,
        tasks[0].seeds,
    )


def _over_tasks(firsts: Sequence[_Cells], baselines: Sequence[str]) -> list[ArmOverTasks]:
    """The arms of a block over its tasks; nothing of one task, of one run, or of one arm.

    Runs of one pre-training seed are averaged where there are several seeds.
    """
    rows = firsts[0].rows if firsts else {}
    scores = {row: np.stack([task.runs[row].by_seed for task in firsts], axis=1) for row in rows}
    if len(firsts) < 2 or len(rows) < 2 or len(next(iter(scores.values()))) < 2:
        return []
    return [
        ArmOverTasks(
            arm=row,
            interquartile_mean=aggregates.interquartile_mean(scores[row]),
            improves_on={
                other: aggregates.probability_of_improvement(scores[row], scores[other])
                for other in dict.fromkeys((*firsts[0].standing(row), *baselines))
                if other in rows and other != row
            },
        )
        for row in rows
    ]


def _test_column(
    cells: _Cells, baselines: Sequence[str], starred: str | None, margin: float | None
) -> Column:
    scores, rates, tied = cells.scores, cells.rates, cells.tied
    rows = list(cells.rows)
    flat = _flat(list(scores.values()), [text for of_row in cells.only.values() for text in of_row])
    best = max(rows, key=lambda row: scores[row].mean())  # of equal means, the first
    comparisons = {
        (row, other): _compare(row, other, cells, margin)
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
        comparisons=correct(_with_dunnett(list(comparisons.values()), cells, baselines)),
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


def _compare(arm: str, other: str, cells: _Cells, margin: float | None) -> Comparison:
    of_average = cells.about["task"] == AVERAGE
    return compare(
        arm,
        other,
        cells.runs[arm],
        cells.runs[other],
        score=None if of_average else find_metric(cells.about["metric"]).score,
        clusters=cells.clusters,
        drawn=cells.drawn,
        margin=margin,
    )


def _with_dunnett(
    comparisons: Sequence[Comparison], cells: _Cells, baselines: Sequence[str]
) -> list[Comparison]:
    """Those against the arm without a policy and against each baseline also by Dunnett's test, of
    all arms that are compared with it for what it is and not for being the best.
    """
    nones = [row for row, (policy, _) in cells.rows.items() if policy == NO_POLICY]
    ps: dict[tuple[str, str], float] = {}
    for other in dict.fromkeys([*nones, *baselines]):
        against = {
            each.arm: cells.runs[each.arm].by_seed
            for each in comparisons
            if each.other == other and (other in baselines or other in cells.standing(each.arm))
        }
        if against:
            of_other = dunnett(against, cells.runs[other].by_seed)
            ps |= {(arm, other): p for arm, p in of_other.items()}
    return [
        each.model_copy(update={"p_dunnett": ps.get((each.arm, each.other))})
        for each in comparisons
    ]


def _drawn(seeds: Sequence[tuple[int, int]]) -> tuple[Drawn, list[int]]:
    """What is drawn anew of pairs of pre-training and fine-tuning seeds, and the ones of each run:
    those of pre-training, where there are several.
    """
    before, after = zip(*seeds, strict=True)
    if len(set(before)) > 1:
        return "pre-training seeds", list(before)
    return "fine-tuning seeds", list(after)


def _clusters(runs: pa.Table) -> np.ndarray | None:
    """The number of each example's cluster, [examples], where they stand in some."""
    clusters = runs.column("example_clusters")[0]
    return clusters.values.to_numpy() if clusters.is_valid else None


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
