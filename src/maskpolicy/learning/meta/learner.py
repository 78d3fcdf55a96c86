"""The network of a meta-learned policy in training (Ye et al. 2021, Algorithm 1)."""

from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from maskpolicy.errors import Diverged
from maskpolicy.learning.meta.history import Evaluation, History, Step
from maskpolicy.learning.meta.hypergradient import InnerLoop, meta_gradient, meta_loss
from maskpolicy.learning.meta.inner_loss import InnerLoss, Parameters
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.meta.triples import TripleBatch, Triples
from maskpolicy.models.batches import bucketed_order
from maskpolicy.policies.meta.network import MaskingNetwork, gumbel_decisions
from maskpolicy.policies.meta.postprocessing import logistic_noise
from maskpolicy.randomness import key
from maskpolicy.training.fit import Learner
from maskpolicy.training.state import State


class MetaLearner(Learner):
    """A masking network that learns what to mask so that a model learns a task faster.

    The model's parameters move too: it keeps what it learns in pre-train steps
    (Algorithm 1, line 9). Networks are compared from the model's first parameters, at
    `training.evaluations` steps; the one with the lowest objective on dev is the best.
    """

    def __init__(
        self,
        title: str,
        network: MaskingNetwork,
        inner_loss: InnerLoss,
        *,
        train: Triples,
        dev: Triples,
        training: MetaTraining,
        seed: int,
    ) -> None:
        optimiser = torch.optim.Adam(
            network.parameters(), training.learning_rate, betas=(0.9, 0.98)
        )
        super().__init__(title, network, optimiser, training.steps)
        self.network, self.inner_loss, self.train = network, inner_loss, train
        self.training, self.seed = training, seed
        self.inner = InnerLoop(
            training.pretrain_rate,
            training.finetune_rate,
            training.engine,
            training.first_order,
            training.checkpointing,
            training.precision,
        )
        self.dev = DevSample(inner_loss, dev, training, self.inner, seed)
        self.evaluated_at = {
            round(part * training.steps / training.evaluations)
            for part in range(1, training.evaluations + 1)
        }
        self.history = History()
        self._lengths = train.context_lengths()
        self._order = bucketed_order(self._lengths, training.batch_size, seed, 0)
        self._order_of = 0

    def take(self, step: int) -> str:
        """Move the network down the meta-loss, and the model to theta_K.

        Random draws are functions of (seed, step, inner step, triple, position). Raises
        PolicyCollapsed, and Diverged when the inner loop does.
        """
        if step == 0:
            self.history.evaluations.append(self.dev.evaluate(self.network, 0))
        batch = self.train.batch(self._chosen(step), self.network.heads.weight.device)
        taken = self._outer_step(step, batch)
        self.history.steps.append(taken)
        if not np.isfinite([taken.meta_loss, taken.penalty]).all():
            raise Diverged(
                f"{self.title}: the meta-loss is {taken.meta_loss} at step {step + 1};"
                " lower `pretrain_rate` and `finetune_rate`"
            )
        self.history.check_collapse(self.title)
        return taken.shown()

    def evaluate(self, done: int) -> float | None:
        """Minus the objective on dev."""
        if done not in self.evaluated_at:
            return None
        self.history.evaluations.append(self.dev.evaluate(self.network, done))
        return -self.history.evaluations[-1].objective

    def memory(self) -> State:
        """The parameters of the model, and all that was shown."""
        return State(self.inner_loss.parameters_by_name(), asdict(self.history))

    def recall(self, memory: State) -> None:
        """The model's parameters and the history as they were."""
        _load(self.inner_loss, memory.tensors)
        self.history = History.from_facts(memory.facts)

    def _chosen(self, step: int) -> np.ndarray:
        """The triples of a step: a pass over all of them after another."""
        number, place = divmod(step, len(self._order))
        if number != self._order_of:
            self._order_of = number
            size = self.training.batch_size
            self._order = bucketed_order(self._lengths, size, self.seed, number)
        return self._order[place]

    def _outer_step(self, number: int, batch: TripleBatch) -> Step:
        training = self.training
        begin, end = training.temperature
        done = number / max(1, training.steps - 1)
        decisions = draw_decisions(
            self.network,
            batch,
            [key(self.seed, "decisions", number, k) for k in range(training.pretrain_steps)],
            begin * (end / begin) ** done,
            training.straight_through,
        )
        result = meta_gradient(
            self.inner_loss, batch.pretrain, batch.finetune, decisions.detach(), self.inner
        )
        penalty = budget_penalty(decisions, batch.lengths, training.budget, training.tolerance)
        # The chain rule: d L' / d phi = <d L' / d d, d d / d phi>.
        surrogate = (decisions * result.decisions).sum() + training.penalty * penalty
        surrogate.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        _load(self.inner_loss, result.parameters)
        return Step(
            _mask_rate(decisions, batch.lengths),
            result.meta_loss,
            penalty.item(),
            result.pretrain_loss,
            result.finetune_loss,
        )


def draw_decisions(
    network: MaskingNetwork,
    batch: TripleBatch,
    keys: list[np.uint64],
    temperature: float,
    straight_through: bool,
) -> Tensor:
    """Decisions for the contexts of a batch, one mask a key: float [K, B, S], differentiable.

    Positions are those of `pretrain.source`; special tokens and padding are never masked.
    """
    tokens = batch.pretrain.source[:, 1:-1]
    logits = network(tokens, batch.lengths)
    noise = np.stack([logistic_noise(key, batch.numbers, tokens.shape[1]) for key in keys])
    log_odds = logits[..., 1] - logits[..., 0]
    drawn = gumbel_decisions(
        log_odds, torch.from_numpy(noise).to(log_odds.device), temperature, straight_through
    )
    return pad(drawn, (1, 1)) * batch.inside


def budget_penalty(decisions: Tensor, lengths: Tensor, budget: float, tolerance: float) -> Tensor:
    """The regulariser L_reg of eq. 7 (Ye et al. 2021), in squared tokens, averaged over sequences.

    decisions float [..., B, S]; lengths int64 [B]. Zero where the number of masked tokens is within
    tolerance * length of budget * length, else the square of its distance from budget * length.
    """
    distance = budget * lengths - decisions.sum(dim=-1)
    # A thousandth of a token more, because sums are rounded.
    free = distance.abs() <= tolerance * lengths + 1e-3
    return torch.where(free, 0.0, distance.square()).mean()


class DevSample:
    """The sample of dev that networks are compared on, each time from the same parameters."""

    def __init__(
        self,
        inner_loss: InnerLoss,
        dev: Triples,
        training: MetaTraining,
        inner: InnerLoop,
        seed: int,
    ) -> None:
        random = np.random.Generator(np.random.Philox(key=int(key(seed, "dev"))))
        sample = np.sort(random.permutation(len(dev))[: training.dev_examples])
        sample = sample[np.argsort(dev.context_lengths()[sample], kind="stable")]
        size = training.batch_size
        self.batches = [sample[i : i + size] for i in range(0, len(sample), size)]
        self.inner_loss, self.dev, self.training, self.inner = inner_loss, dev, training, inner
        named = inner_loss.parameters_by_name()
        self.parameters = {name: value.clone() for name, value in named.items()}
        self.keys = [key(seed, "dev decisions", k) for k in range(training.pretrain_steps)]

    def evaluate(self, network: MaskingNetwork, step: int) -> Evaluation:
        """The objective of eq. 8, with hard decisions, after `step` outer steps."""
        totals, examples = np.zeros(3), 0
        for chosen in self.batches:
            batch = self.dev.batch(chosen, network.heads.weight.device)
            with torch.no_grad():
                decisions = draw_decisions(network, batch, self.keys, 1.0, straight_through=True)
            penalty = budget_penalty(
                decisions, batch.lengths, self.training.budget, self.training.tolerance
            )
            change = meta_loss(
                self.inner_loss,
                self.parameters,
                batch.pretrain,
                batch.finetune,
                decisions,
                self.inner,
            )
            rate = _mask_rate(decisions, batch.lengths)
            totals += len(chosen) * np.array([rate, change, penalty.item()])
            examples += len(chosen)
        rate, change, penalty = (totals / examples).tolist()
        return Evaluation(step, rate, change, penalty, change + self.training.penalty * penalty)


def _mask_rate(decisions: Tensor, lengths: Tensor) -> float:
    masked = (decisions > 0.5).sum().item()
    return masked / max(1, len(decisions) * int(lengths.sum()))


def _load(inner_loss: InnerLoss, parameters: Parameters) -> None:
    with torch.no_grad():
        for name, parameter in inner_loss.named_parameters():
            parameter.copy_(parameters[name])
