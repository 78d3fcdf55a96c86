"""Gradient descent on batches: AdamW, linear warm-up and decay, a loss that must stay finite."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from transformers import PreTrainedModel

from maskpolicy.errors import Diverged
from maskpolicy.models.devices import choose_device
from maskpolicy.progress import LossAndSpeed
from maskpolicy.randomness import key
from maskpolicy.training.fit import Learner
from maskpolicy.training.specs import Optimisation
from maskpolicy.training.state import State


class TrainingBatch(Protocol):
    """What a step asks of a batch; the loss function knows the rest."""

    def to(self, device: torch.device) -> Self:
        """The same batch on `device`."""
        ...

    def tokens(self, padding: int) -> int:
        """Tokens that a step reads, without padding."""
        ...

    def predicted(self, padding: int) -> int:
        """Predictions that the loss is the mean of."""
        ...

    def split(self, rows: int, padding: int) -> Sequence[Self]:
        """The same in parts of at most so many rows."""
        ...


StepLoss = Callable[[Any, Any, float], torch.Tensor]
"""(model, batch, label smoothing) -> mean loss of the batch, a scalar to step down."""

BatchesFrom = Callable[[int], Iterator[TrainingBatch]]
"""A step -> its batch and those of the steps after it, at least as many as there are steps."""


@dataclass(frozen=True)
class TrainingHistory:
    """What a training run did: tokens read (without padding) and losses."""

    steps: int
    tokens: int
    losses: tuple[float, ...]
    """Mean loss of each hundredth of the run."""


def learning_rate_at(step: int, optimisation: Optimisation, peak: float) -> float:
    """Linear warm-up from 0 over the first steps, then linear decay to 0.

    Ye et al. 2021, section 3.1.
    """
    warmup = max(1, optimisation.warmup_steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (optimisation.steps - step) / max(1, optimisation.steps - warmup)


def decayed_and_others(model: torch.nn.Module, optimisation: Optimisation) -> list[dict[str, Any]]:
    """The parameters of a model in groups, each with its weight decay."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        decays = optimisation.decayed == "all" or parameter.dim() > 1
        groups.setdefault(optimisation.weight_decay if decays else 0.0, []).append(parameter)
    return [{"params": some, "weight_decay": decay} for decay, some in groups.items()]


class BatchLearner(Learner):
    """A model that steps down the loss of a batch at a time, on CPU or GPU.

    `learning_rate` is the peak; dropout at each step is a function of (seed, step). `after_step` is
    called with the number of steps done and the loss. With `examples_at_once` a batch is read in
    parts of so many rows, for its memory; the loss is still the mean over all of the batch.
    """

    def __init__(
        self,
        title: str,
        model: PreTrainedModel,
        batches_from: BatchesFrom,
        *,
        optimisation: Optimisation,
        learning_rate: float,
        seed: int,
        step_loss: StepLoss,
        after_step: Callable[[int, float], None] | None = None,
        examples_at_once: int | None = None,
    ) -> None:
        self.device = choose_device()
        torch.nn.Module.to(model, self.device).train()
        optimiser = torch.optim.AdamW(
            decayed_and_others(model, optimisation),
            lr=learning_rate,
            betas=optimisation.betas,
            fused=True,
        )
        super().__init__(title, model, optimiser, optimisation.steps)
        self.optimisation, self.learning_rate, self.seed = optimisation, learning_rate, seed
        self.batches_from, self.step_loss, self.after_step = batches_from, step_loss, after_step
        self.padding, self.examples_at_once = model.config.pad_token_id, examples_at_once
        self.losses: list[float] = []
        self.tokens = 0
        self._batches: Iterator[TrainingBatch] | None = None
        self._shown = LossAndSpeed()

    def take(self, step: int) -> str:
        """One step down the loss. Raises Diverged when that is no longer finite."""
        if self._batches is None:
            self._batches = self.batches_from(step)
        batch = next(self._batches)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(step, self.optimisation, self.learning_rate)
        torch.manual_seed(int(key(self.seed, "step", step) >> 1))
        loss = self._descend(batch)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.optimisation.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.losses.append(loss.item())
        if not self.losses[-1] < float("inf"):
            raise Diverged(
                f"{self.title}: the loss is {self.losses[-1]} at step {step};"
                " lower the learning rate"
            )
        tokens = batch.tokens(self.padding)
        self.tokens += tokens
        if self.after_step is not None:
            self.after_step(step + 1, self.losses[-1])
        return self._shown.after(self.losses[-1], tokens)

    def _descend(self, batch: TrainingBatch) -> torch.Tensor:
        """Add the gradients of a batch, part by part, and return its loss."""
        rows = self.examples_at_once
        parts = [batch] if rows is None else batch.split(rows, self.padding)
        predicted = [part.predicted(self.padding) for part in parts] if len(parts) > 1 else [1]
        losses = []
        for part, count in zip(parts, predicted, strict=True):
            with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
                loss = self.step_loss(
                    self.model, part.to(self.device), self.optimisation.label_smoothing
                )
            # A part counts by its predictions, so the split changes nothing but roundings and what
            # is dropped: of the random numbers each part takes those after the part before it.
            loss = loss * (count / sum(predicted))
            loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def memory(self) -> State:
        """The losses of all steps, and the tokens that were read."""
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return State({"losses": losses}, {"tokens": self.tokens})

    def recall(self, memory: State) -> None:
        """Losses and tokens as they were."""
        self.losses = memory.tensors["losses"].tolist()
        self.tokens = memory.facts["tokens"]

    def history(self) -> TrainingHistory:
        """What was done so far."""
        hundredth = max(1, len(self.losses) // 100)
        parts = [self.losses[i : i + hundredth] for i in range(0, len(self.losses), hundredth)]
        means = tuple(round(sum(part) / len(part), 4) for part in parts)
        return TrainingHistory(len(self.losses), self.tokens, means)
