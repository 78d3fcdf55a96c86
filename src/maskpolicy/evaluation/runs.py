"""Runs: one model, fine-tuned with one seed after one policy, and what it scored on the test split.

A run is a folder of two files. `predictions.arrow` holds every test example with its prediction and
its scores by metrics of examples; `metrics.json` is the small record of the whole, with the scores
of the split by every metric, which later stages depend on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.artefacts import sha256
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.base import ExampleMetric, Metric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.records import JsonRecord

PREDICTIONS = "predictions.arrow"
METRICS_FILE = "metrics.json"

ROUNDING = 1e-9
"""Scores that differ by less are the same figure, computed in another order."""


class Run(JsonRecord):
    """What one run is and what it scored; scores lie in [0, 1], of correlations in [-1, 1]."""

    model: str
    policy: str  # the arm: a policy, `<policy>@control` or `none`
    task: str
    pretraining_seed: int
    seed: int  # of fine-tuning
    step: int | None = None  # of intermediate pre-training, where it is not the last
    split: str
    examples: int = Field(ge=1)
    metrics: dict[str, float] = Field(min_length=1)  # metric -> score of the split
    dev: dict[str, float]  # the same on the dev split, with the settings that were chosen there
    signatures: dict[str, str]  # metric -> how its score is made
    predictions_sha256: str

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.signatures.keys() != self.metrics.keys():
            raise ValueError("`signatures` and `metrics` are of different metrics")
        return self


@dataclass(frozen=True)
class ScoredPredictions:
    """The predictions of a split and their scores.

    table: what `predictions.arrow` holds: id, prediction, answers, and score, a struct with one
    float64 in [0, 1] per metric of examples; metrics: metric -> score of the split.
    """

    table: pa.Table
    metrics: dict[str, float]


def score_predictions(
    ids: Sequence[str],
    predictions: Sequence[str],
    answers: Sequence[Sequence[str]],
    metrics: Sequence[str],
) -> ScoredPredictions:
    """Score N predictions against their acceptable answers.

    Raises ValueError for unknown metrics, unequal lengths or no examples, and for answers that a
    metric can't be of (see :mod:`maskpolicy.evaluation.metrics`).
    """
    if not len(ids) == len(predictions) == len(answers):
        raise ValueError(f"{len(ids)} ids, {len(predictions)} predictions, {len(answers)} answers")
    if not len(ids):
        raise ValueError("there are no examples to score")
    found = [find_metric(name) for name in metrics]
    statistics = {metric: metric.statistics(predictions, answers) for metric in found}
    of_examples = {
        metric.name: pa.array(scores[:, 0])
        for metric, scores in statistics.items()
        if isinstance(metric, ExampleMetric)
    }
    table = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "prediction": pa.array(predictions, pa.string()),
            "answers": pa.array([list(a) for a in answers], pa.list_(pa.string())),
            "score": _struct(of_examples, len(ids)),
        }
    )
    return ScoredPredictions(
        table, {metric.name: _score(metric, some) for metric, some in statistics.items()}
    )


def write_run(
    folder: Path,
    scored: ScoredPredictions,
    *,
    model: str,
    policy: str,
    task: str,
    pretraining_seed: int,
    seed: int,
    dev: Mapping[str, float],
    decoding: str = "",
    step: int | None = None,
    split: str = "test",
) -> Run:
    """Write the two files of a run; `metrics.json` comes last: where it is, the run is whole.

    `scored` is made by :func:`score_predictions`, `dev` maps metrics to scores on the dev split,
    `decoding` ends every signature: scores can only be compared where predictions are made alike.
    """
    write_table(folder / PREDICTIONS, scored.table)
    run = Run(
        model=model,
        policy=policy,
        task=task,
        pretraining_seed=pretraining_seed,
        seed=seed,
        step=step,
        split=split,
        examples=scored.table.num_rows,
        metrics=scored.metrics,
        dev=dict(dev),
        signatures={
            metric: "|".join(filter(None, [find_metric(metric).signature, decoding]))
            for metric in scored.metrics
        },
        predictions_sha256=sha256(folder / PREDICTIONS),
    )
    run.write(folder / METRICS_FILE)
    return run


@dataclass(frozen=True)
class ExampleStatistics:
    """What the scores of a run are made of, in the order of the ids, so that runs can be paired.

    ids: string [N]; statistics: metric -> float64 [N, M], whose means make the score (see
    :mod:`maskpolicy.evaluation.metrics`).
    """

    ids: pa.Array
    statistics: dict[str, np.ndarray]

    @classmethod
    def read(cls, metrics_json: Path, run: Run) -> Self:
        """Read them from beside `metrics.json`. Raises ArtefactError if the two don't agree."""
        path = metrics_json.with_name(PREDICTIONS)
        table = read_table(path)
        if sha256(path) != run.predictions_sha256:
            raise ArtefactError(f"{path} is not what {metrics_json} was made from: rerun the run")
        table = table.take(pc.sort_indices(table.column("id")))
        ids = table.column("id").combine_chunks()
        if len(ids.unique()) != len(ids):
            raise ArtefactError(f"{path}: some example ids occur more than once")
        statistics = {}
        for name, score in run.metrics.items():
            try:
                metric = find_metric(name)
                statistics[name] = _statistics(metric, table)
            except (KeyError, ValueError) as error:
                raise ArtefactError(
                    f"{path} can't give {name} of {metrics_json}: {error}"
                ) from None
            if abs(_score(metric, statistics[name]) - score) > ROUNDING:
                raise ArtefactError(
                    f"{metrics_json}: {name} is {score}, but of the predictions beside it"
                    f" {_score(metric, statistics[name])}: rerun the run"
                )
        return cls(ids, statistics)


def _statistics(metric: Metric, table: pa.Table) -> np.ndarray:
    if isinstance(metric, ExampleMetric):  # ROUGE takes a while: not a second time
        scores = table.column("score").combine_chunks().field(metric.name)
        return scores.to_numpy()[:, None]
    return metric.statistics(
        table.column("prediction").to_pylist(), table.column("answers").to_pylist()
    )


def _score(metric: Metric, statistics: np.ndarray) -> float:
    return float(metric.score(statistics.mean(axis=0)))


def _struct(columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    if not columns:  # from_arrays would not know how many rows
        return pa.array([{}] * rows, pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
