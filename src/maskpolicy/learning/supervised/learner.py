"""The span network in training: its loss, and the epochs of which dev chooses."""

from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch.nn.functional import log_softmax

from maskpolicy.errors import Diverged
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.learning.supervised.targets import ContextTargets, members
from maskpolicy.models.batches import bucketed_order
from maskpolicy.policies.supervised.network import SpanNetwork
from maskpolicy.progress import LossAndSpeed
from maskpolicy.training.fit import Learner
from maskpolicy.training.state import State


@dataclass
class History:
    """Losses in nats per target after each epoch; `best_epoch` counts from 1."""

    train: list[float] = field(default_factory=list)
    dev: list[float] = field(default_factory=list)
    best_epoch: int = 0


class SpanLearner(Learner):
    """A span network that learns where targets stand in their contexts.

    Adam at a constant learning rate; a batch is `batch_size` contexts with all their targets. The
    epoch with the lowest loss on dev is the best.
    """

    def __init__(
        self,
        title: str,
        network: SpanNetwork,
        train: ContextTargets,
        dev: ContextTargets,
        training: SupervisedTraining,
        seed: int,
    ) -> None:
        self.network, self.train, self.dev = network, train, dev
        self.batch_size, self.seed = training.batch_size, seed
        self.steps_an_epoch = -(-train.contexts // training.batch_size)
        optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate, fused=True)
        super().__init__(title, network, optimiser, training.epochs * self.steps_an_epoch)
        self.history = History()
        self._losses: list[torch.Tensor] = []  # of each target, since the epoch began
        self._order: list[np.ndarray] = []
        self._order_of = -1
        self._shown = LossAndSpeed()

    def take(self, step: int) -> str:
        """One step down the mean loss of the targets of a batch."""
        epoch, number = divmod(step, self.steps_an_epoch)
        if epoch != self._order_of:
            self._order_of = epoch
            self._order = bucketed_order(self.train.lengths, self.batch_size, self.seed, epoch)
        chosen = self._order[number]
        targets = target_losses(self.network, self.train, chosen)
        targets.mean().backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._losses.append(targets.detach())
        tokens = int(self.train.lengths[chosen].sum())
        return self._shown.after(targets.detach().mean().item(), tokens)

    def evaluate(self, done: int) -> float | None:
        """Minus the loss on dev, where an epoch ends. Raises Diverged when it is not finite."""
        if done % self.steps_an_epoch:
            return None
        history = self.history
        lowest = min(history.dev, default=float("inf"))
        history.train.append(_mean(self._losses))
        history.dev.append(mean_loss(self.network, self.dev, self.batch_size))
        self._losses.clear()
        if not history.train[-1] + history.dev[-1] < float("inf"):
            raise Diverged(
                f"{self.title}: the loss is not finite after epoch {len(history.dev)};"
                " lower the learning rate"
            )
        if history.dev[-1] < lowest:
            history.best_epoch = len(history.dev)
        return -history.dev[-1]

    def memory(self) -> State:
        """The losses of past epochs, and those of the targets since the last one."""
        losses = torch.cat(self._losses) if self._losses else torch.zeros(0)
        return State({"losses": losses}, asdict(self.history))

    def recall(self, memory: State) -> None:
        """Losses as they were."""
        self.history = History(**memory.facts)
        losses = memory.tensors["losses"].to(self.network.heads.weight.device)
        self._losses = [losses] if len(losses) else []


def target_losses(
    network: SpanNetwork, contexts: ContextTargets, chosen: np.ndarray
) -> torch.Tensor:
    """The loss of each target of some contexts, in nats, float32 [targets].

    Cross-entropy on start and end (Ye et al. 2021, A.1). Of a target that occurs several times it
    is not known which occurrence answers, so the probability of any is maximised, -log sum_k
    p(start_k) p(end_k), and the network chooses (Clark and Gardner 2018, section 3.2).
    """
    device = network.heads.weight.device
    lengths = contexts.lengths[chosen]
    positions = np.arange(lengths.max())
    inside = positions < lengths[:, None]
    ids = np.zeros(inside.shape, np.int64)
    ids[inside] = contexts.input_ids[(contexts.offsets[chosen, None] + positions)[inside]]

    row, targets = members(contexts.target_offsets, chosen)
    target, spans = members(contexts.span_offsets, targets)
    occurrence = np.arange(len(spans)) - np.searchsorted(target, target)

    def to(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(device)

    logits = network(to(ids), to(lengths))
    log_p = log_softmax(logits.masked_fill(~to(inside)[:, :, None], -torch.inf), dim=1)
    rows = to(row[target])
    log_p_span = log_p[rows, to(contexts.start[spans]), 0]
    log_p_span = log_p_span + log_p[rows, to(contexts.end[spans] - 1), 1]
    by_target = log_p_span.new_full((len(targets), int(occurrence.max()) + 1), -torch.inf)
    by_target = by_target.index_put((to(target), to(occurrence)), log_p_span)
    return -by_target.logsumexp(dim=1)


def mean_loss(network: SpanNetwork, contexts: ContextTargets, batch_size: int) -> float:
    """The mean of `target_losses` over all contexts."""
    order = np.argsort(contexts.lengths, kind="stable")
    with torch.inference_mode():
        return _mean(
            [
                target_losses(network, contexts, order[i : i + batch_size])
                for i in range(0, len(order), batch_size)
            ]
        )


def _mean(losses: list[torch.Tensor]) -> float:
    return round(torch.cat(losses).mean().item(), 4)
