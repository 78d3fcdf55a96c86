"""Comparing the runs of any files: the verdict of result tables, without a study."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from maskpolicy.errors import InputError, counted
from maskpolicy.evaluation.given_runs import Fields, read_given_runs
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.records import JsonRecord
from maskpolicy.statistics import paired
from maskpolicy.statistics.comparisons import ArmRuns, Comparison, Interval, compare, correct
from maskpolicy.statistics.dominance import almost_stochastic_order
from maskpolicy.statistics.multibootstrap import ExampleSamples
from maskpolicy.statistics.multiplicity import dunnett

FIELDS = Fields()
"""Names of columns, where none are given."""


class GivenArm(JsonRecord):
    """An arm: its files, and what each run scores."""

    arm: str
    files: list[str]
    scores: list[float]
    mean: float
    std: float | None
    interval: Interval | None
    almost_stochastic_order: float | None = (
        None  # eps_min over the first arm, where it is asked for
    )


class GivenComparison(JsonRecord):
    """Arms by their files; all others are compared with the first. Scores are not times 100."""

    signature: str  # how scores are made
    points: bool  # whether scores were given in points: here they are divided by 100
    examples: int
    clusters: int | None
    margin: float | None
    confidence: float
    arms: list[GivenArm]
    comparisons: list[Comparison]


def arms_of(files: Sequence[str]) -> dict[str, list[Path]]:
    """The files of each arm, from "ARM=FILE" and "FILE", which is an arm of its own.

    That is named by its stem, or where another arm is called so by its path. Raises InputError for
    a file that is given twice.
    """
    if repeated := [file for file in files if files.count(file) > 1]:
        raise InputError(f"{repeated[0]} is given twice")
    pairs = [_named(file) for file in files]
    names = [arm or path.stem for arm, path in pairs]
    arms: dict[str, list[Path]] = {}
    for arm, path in pairs:
        own = path.stem if names.count(path.stem) == 1 else str(path)
        arms.setdefault(arm or own, []).append(path)
    return arms


def compare_files(
    arms: Mapping[str, Sequence[Path]],
    *,
    metric: str | None = None,
    fields: Fields = FIELDS,
    margin: float | None = None,
    pair: bool = True,
    dominance: bool = False,
) -> GivenComparison:
    """Compare each arm with the first; runs are files of :mod:`maskpolicy.evaluation.given_runs`.

    Runs are pairs in the order given, unless `pair` is off or arms have different numbers of them.
    `margin` is that of equivalence, on the scale of scores. Raises InputError.
    """
    if len(arms) < 2:
        raise InputError("two arms at least are compared: give a file of each, as ARM=FILE")
    if margin is not None and not isfinite(margin):
        raise InputError(f"--margin {margin}: it must be a number of points")
    given = read_given_runs(arms, metric, fields)
    statistics = given.statistics
    examples = len(next(iter(statistics.values())))
    if given.clusters is not None and not given.clusters.any():
        raise InputError(
            f"--cluster {fields.cluster}: all {counted(examples, 'example')} are of one cluster,"
            " which says nothing of others"
        )
    score = _mean if metric is None else find_metric(metric).score
    samples = ExampleSamples(examples, given.clusters, of="given")
    runs = {
        arm: ArmRuns(
            score(some.mean(axis=0)), some, samples.resample(some, range(some.shape[1]), score)
        )
        for arm, some in statistics.items()
    }
    (first, reference), *others = runs.items()
    comparisons = [
        compare(
            arm,
            first,
            of_arm,
            reference,
            score=score,
            clusters=given.clusters,
            margin=margin,
            pair=pair and len(of_arm.scores) == len(reference.scores),
        )
        for arm, of_arm in others
    ]
    ps = dunnett({arm: of_arm.scores for arm, of_arm in others}, reference.scores)
    return GivenComparison(
        signature=given.signature,
        points=given.points,
        examples=examples,
        clusters=None if given.clusters is None else int(given.clusters.max()) + 1,
        margin=margin,
        confidence=paired.CONFIDENCE,
        arms=[
            GivenArm(
                arm=arm,
                files=list(map(str, arms[arm])),
                scores=of_arm.scores.tolist(),
                almost_stochastic_order=almost_stochastic_order(
                    of_arm.scores, reference.scores, comparisons=len(others)
                )
                if dominance and arm != first and min(map(len, _scores(of_arm, reference))) > 1
                else None,
                **vars(paired.summarise(of_arm.scores)),
            )
            for arm, of_arm in runs.items()
        ],
        comparisons=[
            each.model_copy(update={"p_dunnett": ps.get(each.arm)}) for each in correct(comparisons)
        ],
    )


def _mean(means: np.ndarray) -> np.ndarray:
    """The score of means of scores, [..., 1] -> [...]."""
    return means[..., 0]


def _named(file: str) -> tuple[str, Path]:
    arm, equals, path = file.partition("=")
    return ("", Path(file)) if not equals or Path(file).exists() else (arm, Path(path))


def _scores(*arms: ArmRuns) -> list[np.ndarray]:
    return [arm.scores for arm in arms]
