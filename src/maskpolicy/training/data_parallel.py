"""Gradient descent by several processes, each with a share of every batch (PyTorch's DDP)."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch.distributed import all_reduce
from torch.nn.parallel import DistributedDataParallel

from maskpolicy.models.batches import Batch
from maskpolicy.randomness import key
from maskpolicy.training.loop import BatchLearner, StepLoss, TrainingBatch
from maskpolicy.training.processes import Processes

LAYER_DROPS = ("encoder_layerdrop", "decoder_layerdrop", "layerdrop")
"""Settings of models that leave out whole layers at random, which then have no gradient."""


class LossModule(torch.nn.Module):
    """A model under its loss: what sees forward passes only, as DDP does, has to see the loss, as
    losses read parts of a model.
    """

    def __init__(self, model: torch.nn.Module, step_loss: StepLoss) -> None:
        super().__init__()
        self.model, self.step_loss = model, step_loss

    def forward(self, batch: Any, label_smoothing: float) -> torch.Tensor:
        """The loss of a batch."""
        return self.step_loss(self.model, batch, label_smoothing)


class SharedOutLearner(BatchLearner):
    """A step reads what one process would read, and steps down the same loss: the mean over all
    predictions of the whole batch, whatever part of them falls to a process.

    So losses, tokens and parameters are the same in all processes, and those of one process but for
    roundings and what is dropped: dropout is a function of (seed, step, process).
    """

    def __init__(self, processes: Processes, *what: Any, **settings: Any) -> None:
        """As a :class:`BatchLearner`, for one of the `processes`."""
        super().__init__(*what, **settings)
        self.processes = processes
        self._read = 0

    @abstractmethod
    def parts_of_step(self, own: int) -> int:
        """How many parts this process reads of a step, of which it has `own`: at least one."""

    def adding(self, last: bool) -> AbstractContextManager[None]:
        """Within it the gradient of a part is added, of the last one or of one before."""
        return nullcontext()

    def _tokens(self, batch: TrainingBatch) -> int:
        return self._read

    def _descend(self, batch: TrainingBatch) -> torch.Tensor:
        assert isinstance(batch, Batch)
        rows = self.examples_at_once or len(batch.source)
        parts = batch.split(rows, self.padding) if len(batch.source) else []
        predicted = [part.predicted(self.padding) for part in parts]
        total, self._read = self.processes.totals([sum(predicted), batch.tokens(self.padding)])
        lacking = self.parts_of_step(len(parts)) - len(parts)
        parts += [stand_in(batch, self.padding)] * lacking
        predicted += [0] * lacking
        if not self.processes.first:  # the first draws what one process would draw
            seed = key(torch.initial_seed(), "process", self.processes.rank)
            torch.manual_seed(int(seed >> 1))
        loss = torch.zeros((), device=self.device)
        for number, (part, count) in enumerate(zip(parts, predicted, strict=True), 1):
            with self.adding(last=number == len(parts)):
                # The gradient is to be the sum over all processes, and they take its mean.
                loss += self._add_gradient(part, count * self.processes.size / total)
        all_reduce(loss)
        return loss / self.processes.size


class DataParallelLearner(SharedOutLearner):
    """Every process has the whole model; they add up their gradients once a step."""

    _parallel: DistributedDataParallel | None = None

    def parts_of_step(self, own: int) -> int:
        """Those that it has; one that has none takes part all the same."""
        return max(own, 1)

    def adding(self, last: bool) -> AbstractContextManager[None]:
        """Gradients are sent with those of the last part."""
        assert self._parallel is not None
        return nullcontext() if last else self._parallel.no_sync()

    def _descend(self, batch: TrainingBatch) -> torch.Tensor:
        assert isinstance(batch, Batch)
        if self._parallel is None:
            self._parallel = self._parallelise(batch)
        return super()._descend(batch)

    def _parallelise(self, batch: Batch) -> DistributedDataParallel:
        """Of parameters that no loss depends on, as a BERT's pooler, DDP would await gradients."""
        self.model.eval()
        self._add_gradient(stand_in(batch, self.padding), 0.0)
        for parameter in self.model.parameters():
            parameter.requires_grad_(parameter.grad is not None)
        self.optimiser.zero_grad()
        self.model.train()
        parallel = DistributedDataParallel(
            LossModule(self.model, self.step_loss),
            gradient_as_bucket_view=True,
            find_unused_parameters=any(getattr(self.model.config, key, 0) for key in LAYER_DROPS),
        )
        self.step_loss = lambda _, part, smoothing: parallel(part, smoothing)
        return parallel


def stand_in(batch: Batch, padding: int) -> Batch:
    """A row that counts nothing, for a process that has none: all of them take part in a step."""
    row = torch.full((1, 2), int(padding == 0))
    return replace(batch, source=row, target=row)
