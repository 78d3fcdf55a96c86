"""Gradient descent on batches: AdamW, a schedule, a loss that must stay finite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from time import monotonic
from typing import Any, Protocol, Self

import torch
from transformers import PreTrainedModel

from maskpolicy.errors import Diverged, InputError
from maskpolicy.models.devices import choose_device, device_name
from maskpolicy.progress import LossAndSpeed
from maskpolicy.randomness import key
from maskpolicy.training.fit import Learner
from maskpolicy.training.processes import ALONE, Processes
from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.specs import Optimisation
from maskpolicy.training.state import State
from maskpolicy.training.step_log import StepLog, memory_peaks
from maskpolicy.training.utilisation import Utilisation

READ_EVERY = 10
"""Steps after which losses are read, shown and logged: a GPU would have to be waited for."""


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

AtStop = Callable[[PreTrainedModel, int, float], None]
"""What is called with the model, the number of steps done, and the last loss."""


@dataclass(frozen=True)
class TrainingHistory:
    """What a training run did: tokens read (without padding) and losses."""

    steps: int
    tokens: int
    losses: tuple[float, ...]
    """Mean loss of each hundredth of the run."""

    @classmethod
    def of(cls, losses: Sequence[float], tokens: int) -> Self:
        """From the loss of each step."""
        hundredth = max(1, len(losses) // 100)
        parts = [losses[i : i + hundredth] for i in range(0, len(losses), hundredth)]
        means = tuple(round(sum(part) / len(part), 4) for part in parts)
        return cls(len(losses), tokens, means)


def decayed_and_others(model: torch.nn.Module, optimisation: Optimisation) -> list[dict[str, Any]]:
    """The parameters of a model in groups, each with its weight decay."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        decays = optimisation.decayed == "all" or parameter.dim() > 1
        groups.setdefault(optimisation.weight_decay if decays else 0.0, []).append(parameter)
    return [{"params": some, "weight_decay": decay} for decay, some in groups.items()]


def _checkpoint_gradients(model: PreTrainedModel) -> None:
    if not model.supports_gradient_checkpointing:
        raise InputError(
            f"gradient_checkpointing: {model.config.model_type} models of transformers have none"
        )
    model.activation_checkpointing_enable({"use_reentrant": False})


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


class BatchLearner(Learner):
    """A model that steps down the loss of a batch at a time, on CPU or GPU.

    `learning_rate` is the peak; dropout at each step is a function of (seed, step). `at_stop` is
    called after so many steps as `stops` says. With
    `examples_at_once` a batch is read in parts of so many rows, for its memory; the loss is still
    the mean over all of the batch. `log` gets a line every few steps.
    """

    model: PreTrainedModel
    processes: Processes = ALONE

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
        stops: Sequence[int] = (),
        at_stop: AtStop | None = None,
        examples_at_once: int | None = None,
        log: StepLog | None = None,
    ) -> None:
        self.device = choose_device()
        torch.nn.Module.to(model, self.device).train()
        if optimisation.gradient_checkpointing:
            _checkpoint_gradients(model)
        optimiser = torch.optim.AdamW(
            decayed_and_others(model, optimisation),
            lr=learning_rate,
            betas=optimisation.betas,
            fused=True,
        )
        super().__init__(title, model, optimiser, optimisation.steps)
        self.optimisation, self.learning_rate, self.seed = optimisation, learning_rate, seed
        self.batches_from, self.step_loss = batches_from, step_loss
        self.stops, self.at_stop = stops, at_stop
        self.padding, self.examples_at_once = model.config.pad_token_id, examples_at_once
        self.log, self.tokens = log, 0
        self._losses: list[float] = []
        self._unread: list[tuple[torch.Tensor, int]] = []  # loss and tokens of the last steps
        self._batches: Iterator[TrainingBatch] | None = None
        self._progress, self._shown = LossAndSpeed(), ""
        self._logged_tokens, self._logged_at, self._waited = 0, monotonic(), 0.0
        self._utilisation = None if log is None else Utilisation.of(model, self.device)

    def take(self, step: int) -> str:
        """One step down the loss. Raises Diverged, at the latest a few steps after that is no
        longer finite, and InputError where memory is too small.
        """
        if self._batches is None:
            self._begin(step)
            self._batches = self.batches_from(step)
        started = monotonic()
        batch = next(self._batches)
        self._waited += monotonic() - started
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(step, self.optimisation, self.learning_rate)
        torch.manual_seed(int(key(self.seed, "step", step) >> 1))
        with self._explaining_memory(step):
            loss = self._descend(batch)
            norm = self._clip()
            self.optimiser.step()
            self.optimiser.zero_grad()
        tokens = self._tokens(batch)
        self.tokens += tokens
        self._unread.append((loss, tokens))
        if self._utilisation is not None:
            self._utilisation.add(batch, self.padding)
        done = step + 1
        if done % READ_EVERY == 0 or done == self.steps:
            self._report(done, norm)
        if self.at_stop is not None and done in self.stops:
            self.at_stop(self.whole_model(), done, self.losses[-1])
        return self._shown

    @property
    def losses(self) -> list[float]:
        """Of each step so far. Raises Diverged where one is not finite."""
        if self._unread:
            read = torch.stack([loss for loss, _ in self._unread]).tolist()
            for step, loss in enumerate(read, len(self._losses)):
                if not isfinite(loss):
                    raise Diverged(
                        f"{self.title}: the loss is {loss} at step {step}; lower the learning rate"
                    )
            for loss, (_, tokens) in zip(read, self._unread, strict=True):
                self._shown = self._progress.after(loss, tokens)
            self._losses += read
            self._unread.clear()
        return self._losses

    def _begin(self, done: int) -> None:
        if self.log is not None:
            self.log.go_on(done)
        self._logged_tokens, self._logged_at, self._waited = self.tokens, monotonic(), 0.0

    def _report(self, done: int, norm: torch.Tensor) -> None:
        """Read the losses since the last time, and log them."""
        losses = self.losses
        if self.log is None:
            return
        seconds = monotonic() - self._logged_at
        recent = losses[(done - 1) // READ_EVERY * READ_EVERY : done]
        self.log.write(
            {
                "step": done,
                "loss": sum(recent) / len(recent),
                "learning_rate": self.optimiser.param_groups[0]["lr"],
                "gradient_norm": norm.item(),
                "tokens": self.tokens,
                "tokens_per_second": round((self.tokens - self._logged_tokens) / seconds),
                **({} if self._utilisation is None else self._utilisation.over(seconds)),
                "loader_seconds": round(self._waited, 4),
                **memory_peaks(self.device),
                "device": device_name(),
                "processes": self.processes.size,
            }
        )
        self._logged_tokens, self._logged_at, self._waited = self.tokens, monotonic(), 0.0

    @contextmanager
    def _explaining_memory(self, step: int) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            at_once = self.examples_at_once
            raise InputError(
                f"{self.title}: out of memory at step {step}, with `batch_size:"
                f" {self.optimisation.batch_size}` and"
                f" {f'`examples_at_once: {at_once}`' if at_once else 'no `examples_at_once`'}: give"
                f" {'fewer' if at_once else 'those that fit'} at once, which keeps the batch, or"
                " `gradient_checkpointing: true`"
            ) from error

    def _tokens(self, batch: TrainingBatch) -> int:
        """The tokens that a step read, after it."""
        return batch.tokens(self.padding)

    def _descend(self, batch: TrainingBatch) -> torch.Tensor:
        """Add the gradients of a batch, part by part, and return its loss."""
        rows = self.examples_at_once
        parts = [batch] if rows is None else batch.split(rows, self.padding)
        predicted = [part.predicted(self.padding) for part in parts] if len(parts) > 1 else [1]
        losses = []
        for part, count in zip(parts, predicted, strict=True):
            # A part counts by its predictions, so the split changes nothing but roundings and what
            # is dropped: of the random numbers each part takes those after the part before it.
            losses.append(self._add_gradient(part, count / sum(predicted)))
        return torch.stack(losses).sum()

    def _add_gradient(self, part: TrainingBatch, weight: float) -> torch.Tensor:
        """Add that of a weight times the mean loss of a part, and return what it is of."""
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = self.step_loss(
                self.model, part.to(self.device), self.optimisation.label_smoothing
            )
        loss = loss * weight
        loss.backward()
        return loss.detach()

    def _clip(self) -> torch.Tensor:
        """Shorten the gradient to `clip_norm` where it is longer, and return its length before."""
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.optimisation.clip_norm)

    def whole_model(self) -> PreTrainedModel:
        """The model with its weights as they are, to be saved."""
        return self.model

    def memory(self) -> State:
        """The losses of all steps, and the tokens that were read."""
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return State({"losses": losses}, {"tokens": self.tokens})

    def recall(self, memory: State) -> None:
        """Losses and tokens as they were."""
        self._losses = memory.tensors["losses"].tolist()
        self.tokens = memory.facts["tokens"]

    def history(self) -> TrainingHistory:
        """What was done so far."""
        return TrainingHistory.of(self.losses, self.tokens)
