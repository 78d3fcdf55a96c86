"""Runs: one model, fine-tuned with one seed after one policy, and what it scored on the test split.

A run is a folder of two files. `predictions.arrow` holds every test example with its prediction and
scores; `metrics.json` is the small record of the whole, which later stages depend on.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from maskpolicy.artefacts import ArtefactError, read_table, sha256, write_table
from maskpolicy.evaluation.metrics import METRICS, score
from maskpolicy.evaluation.records import Record

PREDICTIONS = "predictions.arrow"
METRICS_FILE = "metrics.json"


class Run(Record):
    """What one run is and what it scored; scores lie in [0, 1]."""

    model: str
    policy: str  # the arm: a policy, `<policy>@control` or `none`
    task: str
    pretraining_seed: int
    seed: int  # of fine-tuning
    split: str
    examples: int = Field(ge=1)
    metrics: dict[str, float] = Field(min_length=1)  # metric -> mean over the examples
    dev: dict[str, float]  # the same on the dev split, with the settings that were chosen there
    signatures: dict[str, str]  # metric -> how its score is made
    predictions_sha256: str


def score_predictions(
    ids: Sequence[str],
    predictions: Sequence[str],
    answers: Sequence[Sequence[str]],
    metrics: Sequence[str],
) -> pa.Table:
    """Score N predictions against their acceptable answers.

    Returns the table of `predictions.arrow`: id, prediction, answers, and score, a struct with one
    float64 in [0, 1] per metric. Raises ValueError for unknown metrics, unequal lengths or missing
    answers.
    """
    if not len(ids) == len(predictions) == len(answers):
        raise ValueError(f"{len(ids)} ids, {len(predictions)} predictions, {len(answers)} answers")
    scores = [
        pa.array(
            [score(metric, p, a) for p, a in zip(predictions, answers, strict=True)], pa.float64()
        )
        for metric in metrics
    ]
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "prediction": pa.array(predictions, pa.string()),
            "answers": pa.array([list(a) for a in answers], pa.list_(pa.string())),
            "score": pa.StructArray.from_arrays(scores, names=list(metrics)),
        }
    )


def mean_scores(scored: pa.Table) -> dict[str, float]:
    """Metric -> mean score over the examples of a table made by :func:`score_predictions`."""
    column = scored.column("score").combine_chunks()
    return {
        field.name: float(np.mean(column.field(field.name).to_numpy())) for field in column.type
    }


def write_run(
    folder: Path,
    scored: pa.Table,
    *,
    model: str,
    policy: str,
    task: str,
    pretraining_seed: int,
    seed: int,
    dev: Mapping[str, float],
    split: str = "test",
) -> Run:
    """Write the two files of a run; `metrics.json` comes last: where it is, the run is whole.

    `scored` is made by :func:`score_predictions`, `dev` maps metrics to scores on the dev split.
    """
    write_table(folder / PREDICTIONS, scored)
    metrics = mean_scores(scored)
    run = Run(
        model=model,
        policy=policy,
        task=task,
        pretraining_seed=pretraining_seed,
        seed=seed,
        split=split,
        examples=scored.num_rows,
        metrics=metrics,
        dev=dict(dev),
        signatures={metric: METRICS[metric].signature for metric in metrics},
        predictions_sha256=sha256(folder / PREDICTIONS),
    )
    run.write(folder / METRICS_FILE)
    return run


class ExampleScores:
    """The scores of a run's examples, in the order of their ids, so that runs can be paired."""

    def __init__(self, ids: pa.Array, scores: Mapping[str, pa.Array]) -> None:
        self.ids = ids
        self.scores = scores

    @classmethod
    def read(cls, metrics_json: Path, run: Run) -> Self:
        """Read them from beside `metrics.json`. Raises ArtefactError if the two don't agree."""
        path = metrics_json.with_name(PREDICTIONS)
        table = read_table(path)
        if sha256(path) != run.predictions_sha256:
            raise ArtefactError(f"{path} is not what {metrics_json} was made from: rerun the run")
        table = table.take(pc.sort_indices(table.column("id")))
        column = table.column("score").combine_chunks()
        ids = table.column("id").combine_chunks()
        if len(ids.unique()) != len(ids):
            raise ArtefactError(f"{path}: some example ids occur more than once")
        return cls(ids, {field.name: column.field(field.name) for field in column.type})
