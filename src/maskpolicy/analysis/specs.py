"""The parameters of analyses, validated; importing this module loads nothing heavy."""

from pathlib import Path
from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from maskpolicy.evaluation.specs import TableRow
from maskpolicy.models.specs import Start
from maskpolicy.records import JsonRecord
from maskpolicy.specs import Count, Name, Share, Spec

Several = Annotated[int, Field(ge=2)]


class ArmCheckpoint(Spec):
    """The checkpoint of an arm: the last one of an intermediate stage with a policy."""

    stage: Name
    policy: str  # or `<policy>@control`

    def __str__(self) -> str:
        return f"after {self.stage} with {self.policy}"


AnalysedCheckpoint = Annotated[
    Annotated[Start, Tag("start")] | Annotated[ArmCheckpoint, Tag("arm")],
    Discriminator(lambda value: "arm" if isinstance(value, dict | ArmCheckpoint) else "start"),
]
"""A checkpoint that arms may start from, or what an arm has become."""


class VarianceAnalysis(Spec):
    """How the gradient of a sequence varies with its mask (Zheng et al. 2020, 3.2, figures 2, 3).

    Every row has `reference` + `pairs` * `distances` + 3 * `groups` * (the largest of `masks`)
    gradients.
    """

    model: str  # an encoder
    start: AnalysedCheckpoint | None = None  # of the model; without it that of most arms' start
    corpus: str
    rows: Several = 32  # sequences of the fixed mini-batch; the intervals are over them
    length: Several = 512  # n: the first tokens of each row; shorter rows are left out
    masked: Count = 128  # tau, tokens in each mask
    masks: tuple[Several, ...] = Field((2, 4), min_length=1)  # K, masks that a gradient averages
    distances: Annotated[int, Field(ge=3)] = 9  # Hamming distances of pairs, evenly from 0 to 2 tau
    pairs: Count = 16  # of masks, for each row and distance
    groups: Count = 16  # of as many masks as the largest K, for each row: independent ones, fully
    # explored ones, and further fully-explored ones that the variance is predicted from
    reference: Several = 64  # random masks of each row that its mean gradient is estimated from
    parameters: tuple[str, ...] = Field(("*.encoder.layer.*.weight",), min_length=1)
    # patterns of names; the default is every weight but those of the embeddings and the head
    batch_size: Count = 16  # masks that are differentiated at once: the more, the more memory

    @model_validator(mode="after")
    def _fits(self) -> "VarianceAnalysis":
        if 2 * self.masked > self.length:
            raise ValueError("`masked` is over half of `length`: no two masks are without overlap")
        if max(self.masks) * self.masked > self.length:
            raise ValueError(
                f"`masks`: {max(self.masks)} masks of {self.masked} tokens without overlap "
                f"don't fit into {self.length} tokens"
            )
        if list(self.masks) != sorted(set(self.masks)):
            raise ValueError("`masks` must rise")
        if self.distances - 1 > self.masked:
            raise ValueError(f"`distances`: {self.masked} masked tokens have fewer than that")
        return self

    @property
    def exchanged(self) -> tuple[int, ...]:
        """Of each distance, how many masked tokens two masks do not share: half the distance."""
        steps = self.distances - 1
        return tuple(round(self.masked * step / steps) for step in range(self.distances))

    @property
    def largest_group(self) -> int:
        """The largest K."""
        return self.masks[-1]


MASK_FIGURES = (
    "masked-parts-of-speech",
    "masked-entities",
    "mask-frequency",
    "mask-overlap",
    "mask-budget",
)
"""What the analysis of masks draws, by the names of the files."""


class MaskAnalysis(Spec):
    """How many rows the masks of a table's arms are compared on (Ye et al. 2021, section 6).

    Rows are drawn at random; every mask of a drawn row counts.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.01  # of the rows of the corpus, as in the paper,
    rows: Count = 20_000  # or about so many where that is more; all of a smaller corpus

    def share_of(self, rows: int) -> float:
        """The share that is drawn of so many rows; 1 where all of them are."""
        return min(1.0, max(self.share, self.rows / max(1, rows)))


class ArmFiles(JsonRecord):
    """Where it is written what an arm cost: benchmark files of its stages, paths as text.

    General pre-training counts by the share of its steps that the arm starts from. Of several
    pre-training seeds there is a file each.
    """

    arm: str
    networks: dict[str, str] = Field(default_factory=dict)
    # folder of a trained network -> benchmark of its training
    general: tuple[str, ...] = ()
    general_share: Share = 1.0
    masking: tuple[str, ...] = Field(min_length=1)
    pretraining: tuple[str, ...] = Field(min_length=1)


class TableFiles(JsonRecord):
    """What a table and what is drawn beside it are made of, paths as text, in the table's order.

    As a file, because there may be more of them than an argument of a command may hold.
    """

    rows: tuple[TableRow, ...]
    masks: tuple[tuple[str, ...], ...]  # of each row, the manifests of its masked shards
    trained: tuple[str, ...] = ()  # manifests of checkpoints that runs start from, and of networks
    cuts: tuple[tuple[str, ...], ...]  # of each block, what count_cuts wrote of each task
    majorities: tuple[str, ...]  # what check_metrics wrote of each task
    test_splits: dict[str, str]  # task -> the examples that its runs were tested on
    # Of a table of one model and stage, for what is drawn beside it:
    runs_on_the_way: tuple[str, ...] = ()  # of all rows, and of checkpoints that arms kept
    costs: tuple[ArmFiles, ...] = ()  # of each arm with intermediate pre-training

    @property
    def runs(self) -> list[str]:
        """The scores of its runs."""
        return [run for row in self.rows for run in row.runs]

    @property
    def made(self) -> list[str]:
        """What was masked, trained, predicted and scored for it.

        Predictions, for a job that goes on keeps them, and writes their manifest anew. What else
        goes on, as a training from its state, is told by its end alone.
        """
        masks = [path for of_row in self.masks for path in of_row]
        predicted = [str(Path(run).with_name("predictions.arrow")) for run in self.runs]
        return [*masks, *self.trained, *predicted, *self.runs]


class StoppedTable(Spec):
    """What was drawn of a table whose arms start from a checkpoint of the general stage."""

    general_steps: Annotated[int, Field(ge=0)]  # of that checkpoint
    curves: str  # path of learning-efficiency.csv
    costs: str  # path of costs.csv
    arms: dict[str, str]  # arm with intermediate pre-training -> label
