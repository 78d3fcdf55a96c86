"""Runs: one model, fine-tuned with one seed after one policy, and what it scored on the test split.

Beside its predictions (see :mod:`maskpolicy.evaluation.predictions`) the folder of a run has
`statistics.arrow`, what every test example contributes to its scores, and `metrics.json`, the small
record of the whole, which later stages depend on.
"""

from collections.abc import Sequence
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
from maskpolicy.evaluation.metrics.base import Metric
from maskpolicy.evaluation.metrics.choices import ChoiceMetric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.predictions import PREDICTIONS, TEST, NamedRun, Predictions

METRICS_FILE = "metrics.json"
STATISTICS_FILE = "statistics.arrow"

ROUNDING = 1e-9
"""Scores that differ by less are the same figure, computed in another order."""


class Run(NamedRun):
    """What one run is and what it scored; scores lie in [0, 1], of correlations in [-1, 1]."""

    split: str
    examples: int = Field(ge=1)
    metrics: dict[str, float] = Field(min_length=1)  # metric -> score of the split
    dev: dict[str, float]  # the same on the dev split, with the settings that were chosen there
    signatures: dict[str, str]  # metric -> how its score is made
    predictions_sha256: str
    only_prediction: str | None = None
    # that of every example, without white space around it: a model that predicts it learnt nothing

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.signatures.keys() != self.metrics.keys():
            raise ValueError("`signatures` and `metrics` are of different metrics")
        return self


@dataclass(frozen=True)
class ExampleStatistics:
    """What the scores of N examples are made of.

    ids: string [N]; statistics: metric -> float64 [N, M], whose means make the score (see
    :mod:`maskpolicy.evaluation.metrics`).
    """

    ids: pa.Array
    statistics: dict[str, np.ndarray]

    @classmethod
    def of(cls, examples: Predictions, metrics: Sequence[str], labels: Sequence[str] = ()) -> Self:
        """Those of predictions, in their order; `labels` are all that the task knows, if any.

        Raises ValueError for unknown metrics, and for answers that a metric can't be of (see
        :mod:`maskpolicy.evaluation.metrics`).
        """
        statistics = {
            name: metric.statistics(_scored(metric, examples), examples.answers, labels)
            for name, metric in ((name, find_metric(name)) for name in metrics)
        }
        return cls(pa.array(examples.ids, pa.string()), statistics)

    @classmethod
    def read(cls, metrics_json: Path, run: Run) -> Self:
        """Read them from beside `metrics.json`, in the order of ids, so that runs can be paired.

        Raises ArtefactError if the files of the run don't agree.
        """
        predictions = metrics_json.with_name(PREDICTIONS[TEST])
        if sha256(predictions) != run.predictions_sha256:
            raise ArtefactError(f"{predictions} is not what {metrics_json} was made from: rerun it")
        path = metrics_json.with_name(STATISTICS_FILE)
        table = read_table(path)
        table = table.take(pc.sort_indices(table.column("id")))
        ids = table.column("id").combine_chunks()
        if len(ids.unique()) != len(ids):
            raise ArtefactError(f"{path}: some example ids occur more than once")
        try:
            columns = {name: table.column(name).combine_chunks() for name in run.metrics}
            read = cls(ids, {name: _rows(column) for name, column in columns.items()})
            scores = read.scores
        except (KeyError, ValueError) as error:
            raise ArtefactError(f"{path} is not of {metrics_json}: {error}: rerun it") from None
        for name, score in run.metrics.items():
            if abs(scores[name] - score) > ROUNDING:
                raise ArtefactError(
                    f"{metrics_json}: {name} is {score}, but by the statistics beside it"
                    f" {scores[name]}: rerun it"
                )
        return read

    def write(self, path: Path) -> None:
        """Write them, one column a metric, whole or not at all."""
        columns = {name: _lists(rows) for name, rows in self.statistics.items()}
        write_table(path, pa.table({"id": self.ids, **columns}))

    @property
    def scores(self) -> dict[str, float]:
        """Metric -> score of all the examples. Raises ValueError for an unknown metric."""
        return {
            name: float(find_metric(name).score(rows.mean(axis=0)))
            for name, rows in self.statistics.items()
        }


def _scored(metric: Metric, examples: Predictions) -> Sequence[str]:
    """What a metric scores: what is predicted, or the likeliest choice."""
    if isinstance(metric, ChoiceMetric):
        return metric.chosen(examples.choices)
    return examples.predictions


def _lists(rows: np.ndarray) -> pa.Array:
    """[N, M] -> N lists of M numbers."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])


def _rows(lists: pa.FixedSizeListArray) -> np.ndarray:
    """The inverse of :func:`_lists`."""
    return lists.flatten().to_numpy().reshape(len(lists), lists.type.list_size)
