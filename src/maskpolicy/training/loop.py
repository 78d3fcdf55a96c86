"""The training loop: AdamW, linear warm-up and decay, progress with loss and tokens/s."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, Self

import torch
from transformers import PreTrainedModel

from maskpolicy.errors import Diverged
from maskpolicy.models.devices import choose_device
from maskpolicy.models.losses import sequence_loss
from maskpolicy.progress import training_progress
from maskpolicy.randomness import key
from maskpolicy.training.specs import Optimisation
from maskpolicy.training.state import State, restore_training, training_tensors


class TrainingBatch(Protocol):
    """What the loop asks of a batch; the loss function knows the rest."""

    def to(self, device: torch.device) -> Self:
        """The same batch on `device`."""
        ...

    def tokens(self, padding: int) -> int:
        """Tokens that a step reads, without padding."""
        ...


StepLoss = Callable[[Any, Any, float], torch.Tensor]
"""(model, batch, label smoothing) -> mean loss of the batch, a scalar to step down."""


@dataclass(frozen=True)
class TrainingRecord:
    """What a training run did: tokens read (without padding) and losses."""

    steps: int
    tokens: int
    losses: tuple[float, ...]
    """Mean loss of each hundredth of the run."""


_LOSSES = "losses"
"""Name of the losses of the steps done, float64 [steps], in a saved state."""


def learning_rate_at(step: int, optimisation: Optimisation, peak: float) -> float:
    """Linear warm-up from 0 over the first share of the steps, then linear decay to 0 (paper A,
    3.1).
    """
    warmup = max(1, round(optimisation.warmup * optimisation.steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (optimisation.steps - step) / max(1, optimisation.steps - warmup)


def train(
    model: PreTrainedModel,
    batches: Iterable[TrainingBatch],
    optimisation: Optimisation,
    learning_rate: float,
    seed: int,
    title: str,
    step_loss: StepLoss = sequence_loss,
    after_step: Callable[[int, float], None] | None = None,
    saved: State | None = None,
    keep: Callable[[Callable[[], State]], None] | None = None,
) -> TrainingRecord:
    """Train `model` in place for `optimisation.steps` steps on CPU or GPU.

    `learning_rate` is the peak; dropout at each step is a function of (seed, step). `after_step` is
    called with the number of steps done and the loss; it may evaluate the model. `keep` is then
    offered the state of the training; given back as `saved`, with the batches that were not read
    yet, the training goes on as if never interrupted. Raises Diverged when the loss is no longer
    finite.
    """
    device = choose_device()
    model.to(device).train()
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=learning_rate,
        betas=optimisation.betas,
        weight_decay=optimisation.weight_decay,
        fused=True,
    )
    losses: list[float] = []
    tokens = 0
    if saved is not None:
        restore_training(model, optimiser, saved.tensors)
        losses, tokens = saved.tensors[_LOSSES].tolist(), saved.facts["tokens"]

    def state() -> State:
        tensors = training_tensors(model, optimiser)
        tensors[_LOSSES] = torch.tensor(losses, dtype=torch.float64)
        return State(tensors, {"steps": len(losses), "tokens": tokens})

    steps = range(len(losses), optimisation.steps)
    read_before, started = tokens, monotonic()
    padding = model.config.pad_token_id
    with training_progress(title, len(steps)) as progress:
        for step, batch in zip(steps, batches, strict=False):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(step, optimisation, learning_rate)
            torch.manual_seed(int(key(seed, "step", step) >> 1))
            tokens += batch.tokens(padding)
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                loss = step_loss(model, batch.to(device), optimisation.label_smoothing)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), optimisation.clip_norm)
            optimiser.step()
            optimiser.zero_grad()
            losses.append(loss.item())
            if not losses[-1] < float("inf"):
                raise Diverged(
                    f"{title}: the loss is {losses[-1]} at step {step}; lower the learning rate"
                )
            progress(losses[-1], (tokens - read_before) / (monotonic() - started))
            if after_step is not None:
                after_step(step + 1, losses[-1])
                model.train()
            if keep is not None:
                keep(state)
    hundredth = max(1, len(losses) // 100)
    means = [
        round(sum(part) / len(part), 4)
        for part in (losses[i : i + hundredth] for i in range(0, len(losses), hundredth))
    ]
    return TrainingRecord(len(losses), tokens, tuple(means))
