"""Training the network of a meta-learned policy on a downstream task (paper A, Algorithm 1)."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from maskpolicy.artefacts import atomic_directory, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError, Diverged
from maskpolicy.learning.meta.hypergradient import InnerLoop, meta_gradient, meta_loss
from maskpolicy.learning.meta.objective import Parameters, SequenceObjective, load_objective
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.meta.triples import TripleBatch, TripleCounts, Triples, read_triples
from maskpolicy.learning.meta.watch import Evaluation, Record, Step, meta_progress
from maskpolicy.models.batches import bucketed_order
from maskpolicy.models.devices import choose_device
from maskpolicy.policies.meta.network import MaskingNetwork, gumbel_decisions, network_on
from maskpolicy.policies.meta.postprocessing import logistic_noise
from maskpolicy.policies.token_network import save_network
from maskpolicy.randomness import key
from maskpolicy.tasks.seq2seq import read_examples
from maskpolicy.training.state import (
    Saving,
    State,
    fingerprint,
    load_state,
    remove_state,
    restore_training,
    training_tensors,
)

_BEST, _THETA = "best/", "theta/"
"""Prefixes of the best network so far and of the model's parameters in a saved state."""


def train_meta_policy(
    task: Path,
    checkpoint: Path,
    tokenizer_folder: Path,
    training: MetaTraining,
    seed: int,
    title: str,
    state: Path,
    output: Path,
) -> None:
    """Learn what to mask in contexts so that a model learns their targets faster; write it.

    Reads train.arrow and dev.arrow of the folder `task` and nothing else of it, a BART checkpoint
    and its tokenizer. Of the evaluated networks the one with the lowest objective on dev is kept.
    Writes network.safetensors, log.csv (a line a step), learning-curve.svg and manifest.json to a
    folder. An interrupted training goes on from the folder `state`, if settings and inputs are the
    same.

    Raises ArtefactError, naming the file: no example has a context, texts longer than the model, or
    a file that can't be read. Raises PolicyCollapsed when everything or nothing is masked for long,
    and Diverged when the inner loop does.
    """
    inputs = [task / "train.arrow", task / "dev.arrow"]
    tokenizer = load_tokenizer(tokenizer_folder)
    objective = load_objective(checkpoint, tokenizer.mask).to(choose_device())
    config = objective.model.config
    tokenizer.refuse_smaller_model(config.vocab_size, checkpoint)
    room = config.max_position_embeddings - 2
    train, train_counts = _read(inputs[0], tokenizer, training, room)
    dev, dev_counts = _read(inputs[1], tokenizer, training, room)

    identity = fingerprint(
        [training.model_dump(), seed],
        [*inputs, checkpoint / "model.safetensors", tokenizer_folder / "tokenizer.json"],
    )
    embeddings = objective.model.get_input_embeddings().weight.detach()
    network = network_on(embeddings, int(key(seed, "network") >> 1), training.budget)
    network.to(choose_device())
    record = fit(network, objective, train, dev, training, seed, title, state, identity)

    best = record.best()
    with atomic_directory(output) as folder:
        network_file = save_network(network, folder)
        log, curve = folder / "log.csv", folder / "learning-curve.svg"
        write_text(log, record.log())
        write_text(curve, record.learning_curve())
        write_manifest(
            folder / "manifest.json",
            [network_file, log, curve],
            method=training.method,
            task=training.task,
            seed=seed,
            train=asdict(train_counts),
            dev=asdict(dev_counts),
            best_step=best.step,
            evaluations=[asdict(evaluation) for evaluation in record.evaluations],
        )
    remove_state(state, identity)


def fit(
    network: MaskingNetwork,
    objective: SequenceObjective,
    train: Triples,
    dev: Triples,
    training: MetaTraining,
    seed: int,
    title: str,
    state: Path,
    identity: str,
) -> Record:
    """Train `network` in place and leave it as it was at its best evaluation.

    The objective's parameters move too: the model keeps what it learns in pre-train steps
    (Algorithm 1, line 9). Networks are compared from the model's first parameters. Goes on from the
    state `identity` in the folder `state` where there is one, and saves it there.
    """
    inner = InnerLoop(
        training.pretrain_rate,
        training.finetune_rate,
        training.engine,
        training.first_order,
        training.checkpointing,
        training.precision,
    )
    dev_set = _DevSet(objective, dev, training, inner, seed)
    optimiser = torch.optim.Adam(network.parameters(), training.learning_rate, betas=(0.9, 0.98))
    record, best = Record(), _copied(network.state_dict())
    if (saved := load_state(state, identity)) is not None:
        restore_training(network, optimiser, saved.tensors)
        record = Record.from_facts(saved.facts)
        _load(objective, _under(_THETA, saved.tensors))
        best = _under(_BEST, saved.tensors)
    lengths = train.context_lengths()
    evaluated_at = {
        round(part * training.steps / training.evaluations)
        for part in range(1, training.evaluations + 1)
    }
    if not record.evaluations:
        record.evaluations.append(dev_set.evaluate(network, 0))
    order: list[np.ndarray] = []
    order_of = -1
    per_pass = len(bucketed_order(lengths, training.batch_size, seed, 0))
    saving = Saving(state, identity)

    def current() -> State:
        tensors = training_tensors(network, optimiser)
        tensors |= {f"{_BEST}{name}": value for name, value in best.items()}
        theta = objective.parameters_by_name()
        tensors |= {f"{_THETA}{name}": value for name, value in theta.items()}
        return State(tensors, asdict(record))

    remaining = range(len(record.steps), training.steps)
    with meta_progress(title, len(remaining)) as advance:
        for number in remaining:
            if order_of != number // per_pass:
                order_of = number // per_pass
                order = bucketed_order(lengths, training.batch_size, seed, order_of)
            batch = train.batch(order[number % per_pass], network.heads.weight.device)
            record.steps.append(
                take_step(network, objective, optimiser, batch, training, inner, seed, number)
            )
            advance(record.steps[-1])
            _check_finite(record.steps[-1], title, number)
            record.check_collapse(title)
            if number + 1 in evaluated_at:
                record.evaluations.append(dev_set.evaluate(network, number + 1))
                if record.best() is record.evaluations[-1]:
                    best = _copied(network.state_dict())
            saving.now_and_then(current)
    network.load_state_dict(best)
    return record


def take_step(
    network: MaskingNetwork,
    objective: SequenceObjective,
    optimiser: torch.optim.Optimizer,
    batch: TripleBatch,
    training: MetaTraining,
    inner: InnerLoop,
    seed: int,
    number: int,
) -> Step:
    """Outer step `number`, from 0: move the network down the meta-loss, the model to theta_K.

    Random draws are functions of (seed, number, inner step, triple, position).
    """
    begin, end = training.temperature
    done = number / max(1, training.steps - 1)
    decisions = draw_decisions(
        network,
        batch,
        [key(seed, "decisions", number, k) for k in range(training.pretrain_steps)],
        begin * (end / begin) ** done,
        training.straight_through,
    )
    result = meta_gradient(objective, batch.pretrain, batch.finetune, decisions.detach(), inner)
    penalty = budget_penalty(decisions, batch.lengths, training.budget, training.tolerance)
    # The chain rule: d L' / d phi = <d L' / d d, d d / d phi>.
    surrogate = (decisions * result.decisions).sum() + training.penalty * penalty
    surrogate.backward()
    optimiser.step()
    optimiser.zero_grad()
    _load(objective, result.parameters)
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
    """The regulariser L_reg of eq. 7 (paper A), in squared tokens, averaged over sequences.

    decisions float [..., B, S]; lengths int64 [B]. Zero where the number of masked tokens is within
    tolerance * length of budget * length, else the square of its distance from budget * length.
    """
    distance = budget * lengths - decisions.sum(dim=-1)
    # A thousandth of a token more, because sums are rounded.
    free = distance.abs() <= tolerance * lengths + 1e-3
    return torch.where(free, 0.0, distance.square()).mean()


class _DevSet:
    """The sample of dev that networks are compared on, each time from the same parameters."""

    def __init__(
        self,
        objective: SequenceObjective,
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
        self.objective, self.dev, self.training, self.inner = objective, dev, training, inner
        self.parameters = _copied(objective.parameters_by_name())
        self.keys = [key(seed, "dev decisions", k) for k in range(training.pretrain_steps)]

    def evaluate(self, network: MaskingNetwork, step: int) -> Evaluation:
        """The objective of eq. 8, with hard decisions."""
        totals, examples = np.zeros(3), 0
        for chosen in self.batches:
            batch = self.dev.batch(chosen, network.heads.weight.device)
            with torch.no_grad():
                decisions = draw_decisions(network, batch, self.keys, 1.0, straight_through=True)
            penalty = budget_penalty(
                decisions, batch.lengths, self.training.budget, self.training.tolerance
            )
            change = meta_loss(
                self.objective,
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


def _read(
    path: Path, tokenizer: Tokenizer, training: MetaTraining, room: int
) -> tuple[Triples, TripleCounts]:
    """The triples of a split. Raises ArtefactError with counts where there are none.

    Nothing is cut that the settings do not ask to cut: texts longer than the `room` of the model,
    in tokens beside BOS and EOS, are an error too.
    """
    triples, counts = read_triples(tokenizer, read_examples(path), training, room)
    if not len(triples):
        raise ArtefactError(f"{path}: none of {counts.examples} examples has a context")
    for part, asked, most, cut, longest in (
        ("context", training.context_length, room, counts.cut_contexts, counts.longest_context),
        ("source", training.source_length, room + 2, counts.cut_sources, counts.longest_source),
        ("target", training.target_length, room + 2, counts.cut_targets, counts.longest_target),
    ):
        if longest > room and (asked is None or asked > most):
            raise ArtefactError(
                f"{path}: {cut} {part}s are longer than the {room} tokens of the model (the longest"
                f" has {longest}); set `{part}_length` to at most {most} to cut them"
            )
    return triples, counts


def _check_finite(step: Step, title: str, number: int) -> None:
    if not np.isfinite([step.meta_loss, step.penalty]).all():
        raise Diverged(
            f"{title}: the meta-loss is {step.meta_loss} at step {number + 1};"
            " lower `pretrain_rate` and `finetune_rate`"
        )


def _mask_rate(decisions: Tensor, lengths: Tensor) -> float:
    masked = (decisions > 0.5).sum().item()
    return masked / max(1, len(decisions) * int(lengths.sum()))


def _load(objective: SequenceObjective, parameters: Parameters) -> None:
    with torch.no_grad():
        for name, parameter in objective.named_parameters():
            parameter.copy_(parameters[name])


def _copied(parameters: Parameters) -> Parameters:
    return {name: value.detach().clone() for name, value in parameters.items()}


def _under(prefix: str, tensors: Parameters) -> Parameters:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
