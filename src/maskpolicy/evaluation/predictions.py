"""Predictions: what a fine-tuned model says of its task's splits, kept so that any metric can score
it.

They lie in the folder of a run: `predictions.arrow` of the test split, `dev-predictions.arrow`, and
a manifest that says which run it is and what labels its task knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
from pydantic import ConfigDict

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.artefacts import write_manifest
from maskpolicy.errors import ArtefactError
from maskpolicy.records import JsonRecord

MANIFEST = "manifest.json"
DEV, TEST = "dev", "test"
PREDICTIONS = {DEV: "dev-predictions.arrow", TEST: "predictions.arrow"}
"""Split -> the file of its predictions."""

PREDICTIONS_SCHEMA = pa.schema(
    {"id": pa.string(), "prediction": pa.string(), "answers": pa.list_(pa.string())}
)
RUN = b"run"
"""The key, in their metadata, of the :class:`PredictedRun` that predictions are of, as JSON."""

CHOICES = pa.field("choices", pa.map_(pa.string(), pa.float64()))
"""A column more where examples have choices: their texts, and the log-likelihood of each in nats.

Empty for an example without."""


class NamedRun(JsonRecord):
    """Which run it is: one cell of a study."""

    model: str
    policy: str  # the arm: a policy, `<policy>@control` or `none`
    task: str
    pretraining_seed: int
    seed: int  # of fine-tuning
    step: int | None = None  # of intermediate pre-training, where it is not the last


class PredictedRun(NamedRun):
    """A run whose predictions are there; beside it, the manifest has the hashes of its files."""

    model_config = ConfigDict(extra="ignore")

    decoding: str = ""  # how predictions were made of a model's scores; scores compare only then
    labels: tuple[str, ...] = ()  # all that the task knows; none of free texts and of numbers
    fingerprint: str = ""  # of the settings and inputs that the predictions were made of


@dataclass(frozen=True)
class Predictions:
    """N examples of a split by their ids: what is predicted, and all acceptable answers.

    `choices`: in multiple choice the log-likelihood of each text to choose from, in nats; empty
    otherwise. Raises ValueError for unequal lengths or no examples.
    """

    ids: Sequence[str]
    predictions: Sequence[str]
    answers: Sequence[Sequence[str]]
    choices: Sequence[Mapping[str, float]] = ()

    def __post_init__(self) -> None:
        counts = len(self.ids), len(self.predictions), len(self.answers)
        if len(set(counts)) > 1:
            raise ValueError("{} ids, {} predictions, {} answers".format(*counts))
        if self.choices and len(self.choices) != len(self.ids):
            raise ValueError(f"{len(self.ids)} ids, choices of {len(self.choices)}")
        if not len(self.ids):
            raise ValueError("there are no examples to score")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of them. Raises ArtefactError, naming it, when it holds none."""
        table = read_table(path)
        try:
            columns = [table.column(name).to_pylist() for name in PREDICTIONS_SCHEMA.names]
            if CHOICES.name in table.column_names:
                columns.append(list(map(dict, table.column(CHOICES.name).to_pylist())))
            return cls(*columns)
        except (KeyError, ValueError) as error:
            raise ArtefactError(f"{path} holds no predictions: {error}") from None

    @property
    def only(self) -> str | None:
        """What is predicted of every example, without white space around it, if it is one text."""
        texts = {text.strip() for text in self.predictions}
        return texts.pop() if len(texts) == 1 else None

    def write(self, path: Path, run: PredictedRun) -> None:
        """Write them as PREDICTIONS_SCHEMA, and where there are any with CHOICES, whole or not at
        all. The run that they are of is in the metadata.
        """
        columns = [self.ids, self.predictions, [list(some) for some in self.answers]]
        columns_of = dict(zip(PREDICTIONS_SCHEMA.names, columns, strict=True))
        table = pa.Table.from_pydict(columns_of, schema=PREDICTIONS_SCHEMA)
        if self.choices:
            pairs = [list(some.items()) for some in self.choices]
            table = table.append_column(CHOICES, pa.array(pairs, CHOICES.type))
        write_table(path, table.replace_schema_metadata({RUN: run.model_dump_json()}))


def write_predictions(folder: Path, run: PredictedRun, splits: Mapping[str, Predictions]) -> None:
    """Write what a run predicts of dev and test; :func:`vouch_for` them when all is done."""
    for split, name in PREDICTIONS.items():
        splits[split].write(folder / name, run)


def predicted_run(folder: Path) -> PredictedRun | None:
    """The run that a folder has whole predictions of, vouched for or not; None without."""
    try:
        tables = [read_table(folder / name) for name in PREDICTIONS.values()]
        dev, test = (PredictedRun.model_validate_json(t.schema.metadata[RUN]) for t in tables)
    except (ArtefactError, KeyError, TypeError, ValueError):
        return None
    return test if dev == test else None


def vouch_for(folder: Path, run: PredictedRun) -> None:
    """Write the manifest of a run's predictions: where it is, all is."""
    files = [folder / name for name in PREDICTIONS.values()]
    write_manifest(folder / MANIFEST, files, **run.model_dump(mode="json"))
