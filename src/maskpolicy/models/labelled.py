"""Labelled encoder inputs in batches, and the loss of a classifier on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch.nn.functional import cross_entropy, mse_loss
from transformers import PreTrainedModel

from maskpolicy.models.batches import bucketed_order
from maskpolicy.models.inference import model_arguments
from maskpolicy.models.layout import EncoderInputs


@dataclass(frozen=True)
class LabelledBatch:
    """Encoder inputs and labels: int64 [B] of classes, float32 [B], or int64 [B, W] of tokens."""

    inputs: EncoderInputs
    labels: torch.Tensor

    def to(self, device: torch.device) -> "LabelledBatch":
        """The same batch with its labels on `device`; inputs move when the model reads them."""
        return LabelledBatch(self.inputs, self.labels.to(device))

    def tokens(self, padding: int) -> int:
        """Tokens that a step reads, without padding."""
        return int(self.inputs.lengths.sum())

    def predicted(self, padding: int) -> int:
        """Predictions that the loss is the mean of, where there is one an example."""
        return len(self.labels)

    def split(self, rows: int, padding: int) -> "list[LabelledBatch]":
        """The same in parts of at most so many examples, each no wider than its longest."""
        return [
            LabelledBatch(self.inputs.take(chosen), self.labels[chosen])
            for chosen in np.split(np.arange(len(self.labels)), range(rows, len(self.labels), rows))
        ]


class LabelledBatches:
    """Endless batches of labelled inputs, of similar length, shuffled anew in every pass."""

    def __init__(
        self, inputs: EncoderInputs, labels: np.ndarray, batch_size: int, seed: int
    ) -> None:
        self.inputs = inputs
        self.labels = labels
        self.batch_size = batch_size
        self.seed = seed

    def __iter__(self) -> Iterator[LabelledBatch]:
        for number in count():
            for chosen in bucketed_order(self.inputs.lengths, self.batch_size, self.seed, number):
                inputs = self.inputs.take(chosen)
                labels = self.labels[chosen]
                if labels.ndim == 2:  # one label a token
                    labels = labels[:, : inputs.ids.shape[1]]
                yield LabelledBatch(inputs, torch.from_numpy(labels))


def classification_loss(
    model: PreTrainedModel, batch: LabelledBatch, label_smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats per example, or the mean squared error of a regression."""
    logits = model(**model_arguments(model, batch.inputs)).logits
    if logits.shape[-1] == 1:
        return mse_loss(logits[:, 0], batch.labels)
    return cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)
