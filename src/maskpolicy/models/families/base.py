"""What the house asks of a model family, and of a model of it that is fine-tuned on a task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.errors import InputError
from maskpolicy.models.specs import Family, FamilyTraits, Generation


class TaskExample(Protocol):
    """What every example of a task has; its family knows the rest."""

    @property
    def id(self) -> str:
        """Stable and unique in the task."""
        ...

    @property
    def answers(self) -> tuple[str, ...]:
        """All acceptable predictions."""
        ...


@dataclass(frozen=True)
class TaskData:
    """Splits of a task, by name, and the labels to choose from where it has any."""

    splits: Mapping[str, Sequence[TaskExample]]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises InputError for a split without examples, as a task may have that only teaches."""
        for split, examples in self.splits.items():
            if not examples:
                raise InputError(f"the task has no {split} split (`{split}: 0`)")


class TaskModel(Protocol):
    """A model with all that it takes to learn a task and to predict its examples."""

    @property
    def model(self) -> PreTrainedModel:
        """What is trained, in place."""
        ...

    @property
    def decoding(self) -> str:
        """How predictions are made of what the model says, as part of a score's signature; empty
        where there is nothing to choose.
        """
        ...

    def quick(self) -> "TaskModel":
        """The same model, which predicts the fast way, as of dev while it is in training."""
        ...

    def batches(self, examples: Sequence[Any], batch_size: int, seed: int) -> Iterable[Any]:
        """Endless batches of examples with what is to be predicted of them."""
        ...

    def loss(self, model: PreTrainedModel, batch: Any, label_smoothing: float) -> torch.Tensor:
        """The mean loss of a batch, a scalar."""
        ...

    def encode(self, examples: Sequence[Any]) -> Any:
        """What the model reads of N examples."""
        ...

    def whole_lengths(self, examples: Sequence[Any]) -> Mapping[str, tuple[Sequence[int], int]]:
        """By the part of examples that is read: the tokens of each before it is cut, and what it is
        cut to, special tokens included.
        """
        ...

    def predict(self, inputs: Any) -> list[str]:
        """The predictions for the N examples that were encoded, in their order."""
        ...

    def weigh_choices(self, examples: Sequence[Any], inputs: Any) -> Sequence[Mapping[str, float]]:
        """The log-likelihood of each choice of N examples, which are encoded too, in nats; nothing
        where none of them has any.
        """
        ...


class ModelFamily(Protocol):
    """What differs between families; all else of a stage is the same."""

    @property
    def name(self) -> Family:
        """What it is called in a configuration."""
        ...

    @property
    def traits(self) -> FamilyTraits:
        """What a study knows of it before any model is loaded."""
        ...

    def initial(
        self, model: Any, tokenizer: Tokenizer, seed: int
    ) -> tuple[PreTrainedModel, dict[str, Any]]:
        """The model of a configuration's record, fresh or pre-trained, and facts for its manifest.

        Raises ArtefactError when a pre-trained one can't be loaded.
        """
        ...

    def load(self, checkpoint: str | Path, seed: int = 0) -> PreTrainedModel:
        """A model to pre-train; what the checkpoint lacks is drawn with `seed`.

        Raises ArtefactError naming the checkpoint.
        """
        ...

    def longest_input(self, model: PreTrainedModel) -> int:
        """The tokens that fit into the model, special ones included."""
        ...

    def pretraining_loss(
        self, model: PreTrainedModel, batch: Any, label_smoothing: float
    ) -> torch.Tensor:
        """The mean loss of a batch of rendered examples, a scalar."""
        ...

    def read_task(self, task: Path, splits: Sequence[str]) -> TaskData:
        """Read splits of a task's folder.

        Raises ArtefactError naming the file, and InputError when the splits don't fit together.
        """
        ...

    def task_model(
        self,
        checkpoint: str | Path,
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        lengths: Any,
        generation: Generation,
        seed: int,
        dropout: float | None = None,
    ) -> TaskModel:
        """The checkpoint's model, ready to learn a task.

        `lengths` is a record with the lengths that texts are cut to; without a `dropout` it has the
        checkpoint's own. Raises ArtefactError naming the checkpoint, and InputError when a length
        is more than the model takes.
        """
        ...
