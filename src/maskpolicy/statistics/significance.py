"""The stage that tests a table: which arm is best, and which are not significantly worse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskpolicy.artefacts import ArtefactError, read_table
from maskpolicy.config import NO_POLICY
from maskpolicy.evaluation.records import Record
from maskpolicy.policies.specs import CONTROL
from maskpolicy.statistics import paired

THRESHOLD = 0.1
"""An arm with a larger p against the best one counts as not significantly worse."""

Shade = Literal["dark", "light", "none"]
Interval = tuple[float, float]


class ArmScores(Record):
    """One arm in one column: its scores in [0, 1] by seed, and their summary."""

    arm: str
    scores: list[float]  # in the order of Significance.seeds
    mean: float
    std: float | None
    interval: Interval | None  # t interval of the mean
    shade: Shade


class Comparison(Record):
    """`arm` against `other` in one column; differences are arm - other, on the scale of scores."""

    arm: str
    other: str
    difference: float
    interval: Interval | None
    t: float | None
    degrees: int
    p: float | None  # paired t-test over seeds, two-sided, uncorrected
    p_examples: float  # approximate randomisation over examples, scores averaged over seeds
    note: str | None


class Column(Record):
    """One task and metric: the arms in the order of the table, and the comparisons among them."""

    task: str
    metric: str
    signature: str
    split: str
    examples: int
    best: str
    arms: list[ArmScores]
    comparisons: list[Comparison]

    def comparison(self, arm: str, other: str) -> Comparison | None:
        """The comparison of two arms, where it was made in this direction."""
        for comparison in self.comparisons:
            if (comparison.arm, comparison.other) == (arm, other):
                return comparison
        return None


class SeedPair(Record):
    """The seeds of one run of every arm."""

    pretraining: int
    finetuning: int


class Significance(Record):
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
    its own matched-budget control, where the table has them. Shading is that of paper A, tables 1
    to 3: the best mean dark, and light every arm that is not significantly worse (p > 0.1, paired
    t-test over seeds, no correction for the number of comparisons). Raises ArtefactError.
    """
    runs = read_table(runs_arrow)
    try:
        seeds = _distinct(runs, "pretraining_seed", "seed")
        columns = [_test_column(runs, *cell, seeds) for cell in _distinct(runs, "task", "metric")]
        model = runs.column("model")[0].as_py()
    except (KeyError, IndexError) as error:
        raise ArtefactError(f"{runs_arrow} is not a table of runs: {error}") from error
    Significance(
        model=model,
        threshold=THRESHOLD,
        confidence=paired.CONFIDENCE,
        randomisations=paired.RANDOMISATIONS,
        seeds=[SeedPair(pretraining=p, finetuning=f) for p, f in seeds],
        columns=columns,
    ).write(output)


test_significance.__test__ = False  # a stage of the study, not a test for pytest to collect


def _test_column(
    runs: pa.Table, task: str, metric: str, seeds: Sequence[tuple[int, int]]
) -> Column:
    here = runs.filter((pc.field("task") == task) & (pc.field("metric") == metric))
    arms = [arm for (arm,) in _distinct(here, "policy")]
    cells = {(row["policy"], row["pretraining_seed"], row["seed"]): row for row in here.to_pylist()}
    scores = {arm: np.array([cells[arm, *seed]["score"] for seed in seeds]) for arm in arms}
    examples = {
        arm: np.mean([cells[arm, *seed]["example_scores"] for seed in seeds], axis=0)
        for arm in arms
    }
    best = max(arms, key=lambda arm: scores[arm].mean())  # of equal means, the first
    comparisons = {
        (arm, other): _compare(arm, other, scores, examples)
        for arm in arms
        for other in (best, NO_POLICY, arm + CONTROL)
        if other in scores and other != arm
    }
    first = here.to_pylist()[0]
    return Column(
        task=task,
        metric=metric,
        signature=first["signature"],
        split=first["split"],
        examples=first["examples"],
        best=best,
        arms=[
            ArmScores(
                arm=arm,
                scores=scores[arm].tolist(),
                shade=_shade(scores[arm], scores[best], comparisons.get((arm, best))),
                **vars(paired.summarise(scores[arm])),
            )
            for arm in arms
        ],
        comparisons=list(comparisons.values()),
    )


def _compare(
    arm: str, other: str, scores: dict[str, np.ndarray], examples: dict[str, np.ndarray]
) -> Comparison:
    return Comparison(
        arm=arm,
        other=other,
        **vars(paired.paired_t_test(scores[arm], scores[other])),
        p_examples=paired.randomisation_test(examples[arm], examples[other]),
    )


def _shade(scores: np.ndarray, best: np.ndarray, against_best: Comparison | None) -> Shade:
    if against_best is None or abs(scores.mean() - best.mean()) <= paired.ROUNDING:
        return "dark"
    # Without a p-value (one seed) nothing is known, so nothing is claimed.
    return "light" if against_best.p is not None and against_best.p > THRESHOLD else "none"


def _distinct(table: pa.Table, *names: str) -> list[tuple]:
    """The distinct rows of some columns, in order of first appearance."""
    columns = (table.column(name).to_pylist() for name in names)
    return list(dict.fromkeys(zip(*columns, strict=True)))
