"""The stage that tests a table: which arm is best, and which are not significantly worse."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.arrow_files import read_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.base import Metric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.records import JsonRecord
from maskpolicy.statistics import paired

THRESHOLD = 0.1
"""An arm with a larger p against the best one counts as not significantly worse."""

Shade = Literal["dark", "light", "none"]
Interval = tuple[float, float]

Flat = Literal["empty", "constant", "equal"]
"""Why a column can't tell arms apart: in all runs all predictions are empty, each run predicts one
thing only, or all runs score the same."""


class ArmScores(JsonRecord):
    """One arm in one column: its scores by seed, in [0, 1] or [-1, 1], and their summary."""

    arm: str
    scores: list[float]  # in the order of Significance.seeds
    mean: float
    std: float | None
    interval: Interval | None  # t interval of the mean
    learning_rates: list[float]  # of the runs
    tied_rates: tuple[float, ...] = ()  # of those, what another one always equalled on dev
    only_predictions: list[str | None]  # of each run, where all its predictions are one
    shade: Shade


class Comparison(JsonRecord):
    """`arm` against `other` in one column; differences are arm - other, on the scale of scores."""

    arm: str
    other: str
    difference: float
    interval: Interval | None
    t: float | None
    degrees: int
    p: float | None  # paired t-test over seeds, two-sided, uncorrected
    p_examples: float  # approximate randomisation over examples, the mean score over seeds
    note: str | None


class SearchedCounts(JsonRecord):
    """Steps or batch sizes of fine-tuning, of which several were searched."""

    axis: str
    grid: list[int]  # ascending
    chosen: dict[str, list[int]]  # arm -> of its runs, but for what another one equalled on dev


class Column(JsonRecord):
    """One task and metric: the arms in the order of the table, and the comparisons among them."""

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


class Significance(JsonRecord):
    """Everything that a result table says about scores."""

    model: str
    threshold: float
    confidence: float  # coverage of the intervals
    randomisations: int  # of the test over examples
    seeds: list[SeedPair]
    columns: list[Column]


def test_significance(runs_arrow: Path, output: Path) -> None:
    """Test every column of a table of runs (RUNS_SCHEMA) and write a Significance record as JSON.

    Each arm is compared with the best one, with the arm without intermediate pre-training, and with
    its own matched-budget control, where the table has them; of one run of each nothing is
    compared. Shading is that of Ye et al. 2021, tables 1 to 3: the best mean dark, and light every
    arm that is not significantly worse (p > 0.1, paired t-test over seeds, no correction for the
    number of comparisons). Where nothing was learnt by any arm, none is shaded. Raises
    ArtefactError.
    """
    runs = read_table(runs_arrow)
    try:
        seeds = _distinct(runs, "pretraining_seed", "seed")
        columns = [
            _test_column(runs, task, metric, seeds)
            for task, metric in _distinct(runs, "task", "metric")
        ]
        model = runs.column("model")[0].as_py()
    except (KeyError, IndexError, ValueError) as error:
        raise ArtefactError(f"{runs_arrow} is not a table of runs: {error}") from error
    Significance(
        model=model,
        threshold=THRESHOLD,
        confidence=paired.CONFIDENCE,
        randomisations=paired.RANDOMISATIONS,
        seeds=[SeedPair(pretraining=p, finetuning=f) for p, f in seeds],
        columns=columns,
    ).write(output)


test_significance.__test__ = False  # type: ignore[attr-defined]  # a stage of the study, not a test for pytest to collect


def _test_column(
    runs: pa.Table, task: str, metric: str, seeds: Sequence[tuple[int, int]]
) -> Column:
    here = runs.filter((pc.field("task") == task) & (pc.field("metric") == metric))
    arms = [arm for (arm,) in _distinct(here, "policy")]
    cells = (here.column(n).to_pylist() for n in ("policy", "pretraining_seed", "seed"))
    row_of = {cell: row for row, cell in enumerate(zip(*cells, strict=True))}
    rows = {arm: [row_of[arm, *seed] for seed in seeds] for arm in arms}
    scores = {arm: here.column("score").to_numpy()[rows[arm]] for arm in arms}
    statistics = {
        arm: np.stack([_example_statistics(here, row) for row in rows[arm]], axis=1) for arm in arms
    }
    if len({some.shape[2] for some in statistics.values()}) > 1:
        raise ValueError(f"statistics of {metric} on {task} differ in length: score its runs anew")
    only = {arm: [here.column("only_prediction")[row].as_py() for row in rows[arm]] for arm in arms}
    flat = _flat(list(scores.values()), [text for of_arm in only.values() for text in of_arm])
    best = max(arms, key=lambda arm: scores[arm].mean())  # of equal means, the first
    comparisons = {
        (arm, other): _compare(arm, other, find_metric(metric), scores, statistics)
        for arm in arms
        for other in (best, NO_POLICY, arm + CONTROL)
        if len(seeds) > 1 and other in scores and other != arm
    }
    rates = here.column("learning_rate").to_numpy()
    tied = np.array(here.column("learning_rate_tied").to_pylist(), bool)
    (first,) = here.slice(0, 1).select(["signature", "split", "examples"]).to_pylist()
    return Column(
        task=task,
        metric=metric,
        **first,
        grid=here.column("learning_rates")[0].as_py(),
        searched=_searched(here, rows),
        flat=flat,
        best=best,
        arms=[
            ArmScores(
                arm=arm,
                scores=scores[arm].tolist(),
                learning_rates=rates[rows[arm]].tolist(),
                tied_rates=np.setdiff1d(
                    rates[rows[arm]], rates[rows[arm]][~tied[rows[arm]]]
                ).tolist(),
                only_predictions=only[arm],
                shade="none"
                if flat
                else _shade(scores[arm], scores[best], comparisons.get((arm, best))),
                **vars(paired.summarise(scores[arm])),
            )
            for arm in arms
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


def _compare(
    arm: str,
    other: str,
    metric: Metric,
    scores: dict[str, np.ndarray],
    statistics: dict[str, np.ndarray],  # of each arm [examples, seeds, M]
) -> Comparison:
    return Comparison(
        arm=arm,
        other=other,
        **vars(paired.paired_t_test(scores[arm], scores[other])),
        p_examples=paired.randomisation_test(
            statistics[arm], statistics[other], lambda means: metric.score(means).mean(axis=-1)
        ),
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
