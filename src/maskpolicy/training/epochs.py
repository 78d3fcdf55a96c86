"""Training in epochs, of which dev chooses the best."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from time import monotonic

import numpy as np
import torch
from transformers import PreTrainedModel

from maskpolicy.models.labelled import LabelledBatch, LabelledBatches
from maskpolicy.models.layout import EncoderInputs
from maskpolicy.training.loop import train
from maskpolicy.training.specs import EncoderTraining, Optimisation
from maskpolicy.training.state import Saving, State, load_state, save_state

BETAS = (0.9, 0.999)
"""Of AdamW, as BERT is fine-tuned."""


_BEST = "best/"
"""Prefix of the weights of the best epoch so far in a saved state."""


@dataclass(frozen=True)
class Epoch:
    """A pass over the training examples: mean loss in it, the dev score after it, their seconds."""

    loss: float
    dev: float
    seconds: float = field(compare=False)


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """The number, from 1, of the epoch with the best dev score; the first of equals."""
    return 1 + max(range(len(epochs)), key=lambda i: epochs[i].dev)


def train_epochs(
    model: PreTrainedModel,
    inputs: EncoderInputs,
    labels: np.ndarray,
    training: EncoderTraining,
    step_loss: Callable[[PreTrainedModel, LabelledBatch, float], torch.Tensor],
    dev_score: Callable[[], float],
    seed: int,
    title: str,
    saving: Saving | None = None,
) -> list[Epoch]:
    """Fine-tune `model` in place and leave it with the weights of the best epoch.

    `labels` is indexed by example (see :class:`LabelledBatch`); `dev_score` scores the model as it
    is after an epoch, the higher the better, and the first of equals is kept. With `saving` an
    interrupted training goes on after the last epoch that was saved, and a finished one is not
    repeated.
    """
    steps = -(-len(inputs) // training.batch_size)
    optimisation = Optimisation(
        steps=steps * training.epochs,
        batch_size=training.batch_size,
        warmup=training.warmup,
        weight_decay=training.weight_decay,
        betas=BETAS,
    )
    losses: list[float] = []
    epochs: list[Epoch] = []
    best: dict[str, torch.Tensor] = {}
    saved = None if saving is None else load_state(saving.folder, saving.fingerprint)
    if saved is not None:
        epochs = [Epoch(**epoch) for epoch in saved.facts["epochs"]]
        best = {
            name.removeprefix(_BEST): weight
            for name, weight in saved.tensors.items()
            if name.startswith(_BEST)
        }
    started = monotonic()

    def after_step(done: int, loss: float) -> None:
        nonlocal best, started
        losses.append(loss)
        if done % steps:
            return
        score = dev_score()
        epochs.append(Epoch(sum(losses) / steps, score, monotonic() - started))
        if best_epoch(epochs) == len(epochs):
            best = {name: weight.clone() for name, weight in model.state_dict().items()}
        losses.clear()
        started = monotonic()

    def with_epochs(state: State) -> State:
        tensors = state.tensors | {f"{_BEST}{name}": weight for name, weight in best.items()}
        return State(tensors, state.facts | {"epochs": [asdict(epoch) for epoch in epochs]})

    def keep(state: Callable[[], State]) -> None:
        if saving is not None and not losses:
            saving.now_and_then(lambda: with_epochs(state()))

    if len(epochs) < training.epochs:
        batches = LabelledBatches(inputs, labels, training.batch_size, seed)
        train(
            model,
            islice(batches, steps * len(epochs), None),
            optimisation,
            training.learning_rate,
            seed,
            title,
            step_loss,
            after_step,
            saved,
            keep,
        )
        if saving is not None:
            finished = with_epochs(State({}, {}))
            save_state(saving.folder, saving.fingerprint, finished.tensors, finished.facts)
    model.load_state_dict(best)
    model.eval()
    return epochs
