"""Training in epochs, of which dev chooses the best."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from time import monotonic

import numpy as np
import torch
from transformers import PreTrainedModel

from maskpolicy.models.labelled import LabelledBatch, LabelledBatches
from maskpolicy.models.layout import EncoderInputs
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.specs import EncoderTraining, Optimisation
from maskpolicy.training.state import Saving, State

BETAS = (0.9, 0.999)
"""Of AdamW, as BERT is fine-tuned."""


@dataclass(frozen=True)
class Epoch:
    """A pass over the training examples: mean loss in it, the dev score after it, their seconds."""

    loss: float
    dev: float
    seconds: float = field(compare=False)


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """The number, from 1, of the epoch with the best dev score; the first of equals."""
    return 1 + max(range(len(epochs)), key=lambda i: epochs[i].dev)


class EpochLearner(BatchLearner):
    """A model that is scored on dev after each pass over its training examples."""

    def __init__(
        self,
        title: str,
        model: PreTrainedModel,
        batches: LabelledBatches,
        *,
        training: EncoderTraining,
        seed: int,
        step_loss: Callable[[PreTrainedModel, LabelledBatch, float], torch.Tensor],
        dev_score: Callable[[], float],
    ) -> None:
        self.steps_an_epoch = -(-len(batches.inputs) // training.batch_size)
        optimisation = Optimisation(
            steps=self.steps_an_epoch * training.epochs,
            batch_size=training.batch_size,
            warmup=training.warmup,
            weight_decay=training.weight_decay,
            decayed=training.decayed,
            betas=BETAS,
        )

        def batches_from(step: int) -> Iterator[LabelledBatch]:
            return islice(batches, step, None)

        super().__init__(
            title,
            model,
            batches_from,
            optimisation=optimisation,
            learning_rate=training.learning_rate,
            seed=seed,
            step_loss=step_loss,
        )
        self.dev_score = dev_score
        self.epochs: list[Epoch] = []
        self._started = monotonic()

    def evaluate(self, done: int) -> float | None:
        """The dev score, where an epoch ends."""
        if done % self.steps_an_epoch:
            return None
        score = self.dev_score()
        self.model.train()
        loss = sum(self.losses[-self.steps_an_epoch :]) / self.steps_an_epoch
        self.epochs.append(Epoch(loss, score, monotonic() - self._started))
        self._started = monotonic()
        return score

    def memory(self) -> State:
        """What any batch learner remembers, the epochs, and the seconds since the last one."""
        memory = super().memory()
        epochs = [asdict(epoch) for epoch in self.epochs]
        seconds = monotonic() - self._started
        return State(memory.tensors, memory.facts | {"epochs": epochs, "seconds": seconds})

    def recall(self, memory: State) -> None:
        """Losses, tokens and epochs as they were."""
        super().recall(memory)
        self.epochs = [Epoch(**epoch) for epoch in memory.facts["epochs"]]
        self._started = monotonic() - memory.facts["seconds"]


def train_epochs(
    model: PreTrainedModel,
    inputs: EncoderInputs,
    labels: np.ndarray,
    training: EncoderTraining,
    *,
    step_loss: Callable[[PreTrainedModel, LabelledBatch, float], torch.Tensor],
    dev_score: Callable[[], float],
    seed: int,
    title: str,
    saving: Saving | None = None,
) -> list[Epoch]:
    """Fine-tune `model` in place and leave it with the weights of the best epoch.

    `labels` is indexed by example (see :class:`LabelledBatch`); `dev_score` scores the model as it
    is after an epoch, the higher the better, and the first of equals is kept. With `saving` an
    interrupted training goes on after the last step that was saved, and a finished one is not
    repeated.
    """
    learner = EpochLearner(
        title,
        model,
        LabelledBatches(inputs, labels, training.batch_size, seed),
        training=training,
        seed=seed,
        step_loss=step_loss,
        dev_score=dev_score,
    )
    fit(learner, saving, finish=True)
    model.eval()
    return learner.epochs
