"""Training the span network of a supervised policy on a downstream task (paper A, 4.2 and A.1)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch.nn.functional import log_softmax

from maskpolicy.artefacts import atomic_directory, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.drawing.learning_curve import draw_learning_curve
from maskpolicy.errors import ArtefactError, Diverged
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.learning.supervised.targets import ContextTargets, Coverage, find_targets
from maskpolicy.models.batches import bucketed_order
from maskpolicy.models.devices import choose_device
from maskpolicy.policies.specs import Supervised
from maskpolicy.policies.supervised.network import SpanNetwork, longest_text, network_on
from maskpolicy.policies.supervised.ranking import rank_spans
from maskpolicy.policies.token_network import save_network, score_tokens
from maskpolicy.progress import training_progress, work_progress
from maskpolicy.randomness import key
from maskpolicy.sources.base import Example
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

_BEST = "best/"
"""Prefix of the best parameters so far in a saved state."""


@dataclass
class History:
    """Losses in nats per target after each epoch; `best_epoch` counts from 1."""

    train: list[float] = field(default_factory=list)
    dev: list[float] = field(default_factory=list)
    best_epoch: int = 0


def train_supervised_policy(
    task: Path,
    checkpoint: Path,
    tokenizer_folder: Path,
    training: SupervisedTraining,
    seed: int,
    title: str,
    state: Path,
    output: Path,
) -> None:
    """Train a network to find the targets of a task in their contexts; write it to a folder.

    Reads train.arrow and dev.arrow of the folder `task` and nothing else of it, the token
    embeddings of a BART checkpoint, and the tokenizer. The epoch with the lowest loss on dev is
    kept. Writes network.safetensors, learning-curve.svg and manifest.json, which counts what was
    found. An interrupted training goes on from the folder `state`, if settings and inputs are the
    same.

    Raises ArtefactError, naming the file: no example has its target in its context, contexts longer
    than the model, or a file that can't be read. Raises Diverged when the loss does.
    """
    inputs = [task / "train.arrow", task / "dev.arrow"]
    tokenizer = load_tokenizer(tokenizer_folder)
    longest = longest_text(checkpoint)
    train, train_coverage = _read_targets(inputs[0], tokenizer, training, longest, title)
    dev, dev_coverage = _read_targets(inputs[1], tokenizer, training, longest, title)

    network = network_on(checkpoint, int(key(seed, "network") >> 1)).to(choose_device())
    tokenizer.refuse_smaller_model(network.embeddings.num_embeddings, checkpoint)
    weights = checkpoint / "model.safetensors"
    files = [*inputs, weights, tokenizer_folder / "tokenizer.json"]
    if training.oracle is not None:
        files.append(Path(training.oracle))
    identity = fingerprint([training.model_dump(), seed], files)
    history = fit(network, train, dev, training, seed, title, state, identity)
    # Of answers what policies find by default is measured; no sentence is as short.
    longest_span = Supervised.model_fields["max_span_length"].default
    if training.targets == "sentences":
        longest_span = train.longest_target

    with atomic_directory(output) as folder:
        network_file = save_network(network, folder)
        curve = folder / "learning-curve.svg"
        epochs = range(1, len(history.dev) + 1)
        losses = {
            "train": list(zip(epochs, history.train, strict=True)),
            "dev": list(zip(epochs, history.dev, strict=True)),
        }
        panels = {"loss (nats per target)": losses}
        write_text(curve, draw_learning_curve(panels, "epoch", history.best_epoch))
        write_manifest(
            folder / "manifest.json",
            [network_file, curve],
            training=training.model_dump(),
            seed=seed,
            train=asdict(train_coverage) | {"longest_target": train.longest_target},
            dev=asdict(dev_coverage) | hit_rates(network, dev, longest_span),
            best_epoch=history.best_epoch,
            losses={"train": history.train, "dev": history.dev},
        )
    remove_state(state, identity)


def fit(
    network: SpanNetwork,
    train: ContextTargets,
    dev: ContextTargets,
    training: SupervisedTraining,
    seed: int,
    title: str,
    state: Path,
    identity: str,
) -> History:
    """Train `network` in place and leave it with the parameters of the best epoch.

    Adam at a constant learning rate; a batch is `batch_size` contexts with all their targets. Goes
    on from the state `identity` in the folder `state` where there is one, and saves it there.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate, fused=True)
    history, best = History(), _parameters(network)
    if (saved := load_state(state, identity)) is not None:
        restore_training(network, optimiser, saved.tensors)
        history = History(**saved.facts)
        best = {
            name.removeprefix(_BEST): tensor.to(network.heads.weight.device)
            for name, tensor in saved.tensors.items()
            if name.startswith(_BEST)
        }
    remaining = range(len(history.dev), training.epochs)
    steps = -(-train.contexts // training.batch_size)
    tokens, started = 0, monotonic()
    saving = Saving(state, identity)

    def current() -> State:
        tensors = training_tensors(network, optimiser)
        tensors |= {f"{_BEST}{name}": tensor for name, tensor in best.items()}
        return State(tensors, asdict(history))

    with training_progress(title, len(remaining) * steps) as progress:
        for epoch in remaining:
            losses = []
            for chosen in bucketed_order(train.lengths, training.batch_size, seed, epoch):
                targets = target_losses(network, train, chosen)
                targets.mean().backward()
                optimiser.step()
                optimiser.zero_grad()
                losses.append(targets.detach())
                tokens += int(train.lengths[chosen].sum())
                progress(targets.detach().mean().item(), tokens / (monotonic() - started))
            lowest = min(history.dev, default=float("inf"))
            history.train.append(_mean(losses))
            history.dev.append(mean_loss(network, dev, training.batch_size))
            if not history.train[-1] + history.dev[-1] < float("inf"):
                raise Diverged(
                    f"{title}: the loss is not finite after epoch {epoch + 1};"
                    " lower the learning rate"
                )
            if history.dev[-1] < lowest:
                best, history.best_epoch = _parameters(network), epoch + 1
            saving.now_and_then(current)
    network.load_state_dict(best)
    return history


def target_losses(
    network: SpanNetwork, contexts: ContextTargets, chosen: np.ndarray
) -> torch.Tensor:
    """The loss of each target of some contexts, in nats, float32 [targets].

    Cross-entropy on start and end (paper A, A.1). Of a target that occurs several times it is not
    known which occurrence answers, so the probability of any is maximised, -log sum_k p(start_k)
    p(end_k), and the network chooses (Clark and Gardner 2018, section 3.2).
    """
    device = network.heads.weight.device
    lengths = contexts.lengths[chosen]
    positions = np.arange(lengths.max())
    inside = positions < lengths[:, None]
    ids = np.zeros(inside.shape, np.int64)
    ids[inside] = contexts.input_ids[(contexts.offsets[chosen, None] + positions)[inside]]

    row, targets = _members(contexts.target_offsets, chosen)
    target, spans = _members(contexts.span_offsets, targets)
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


def hit_rates(network: SpanNetwork, contexts: ContextTargets, longest: int) -> dict[str, float]:
    """Shares of contexts in which the best span, or one of the best five, is a target exactly.

    Spans are of at most `longest` tokens. Where contexts also hold targets of other splits, the
    best span is often one of those, and counts as a miss.
    """
    start, end = score_tokens(network, contexts.offsets, contexts.input_ids)
    ranked = rank_spans(contexts.offsets, contexts.word_start, start, end, longest, best=5)
    context, targets = _members(contexts.target_offsets, np.arange(contexts.contexts))
    target, spans = _members(contexts.span_offsets, targets)

    def numbered(context: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        width = contexts.lengths.max() + 1
        return (context * width + start) * width + end

    gold = numbered(context[target], contexts.start[spans], contexts.end[spans])
    found = numbered(np.arange(contexts.contexts)[:, None], ranked.start, ranked.end)
    hits = np.isin(found, gold) & (np.arange(5) < ranked.count[:, None])
    return {
        "top1_hits": round(float(hits[:, 0].mean()), 4),
        "top5_hits": round(float(hits.any(axis=1).mean()), 4),
    }


def _read_targets(
    path: Path, tokenizer: Tokenizer, training: SupervisedTraining, longest: int, title: str
) -> tuple[ContextTargets, Coverage]:
    """The targets of a split. Raises ArtefactError with counts where there is nothing to learn."""
    examples = read_examples(path)
    wanted = _supervision(examples, training, f"{title}, oracle of {path.stem}")
    length = min(training.context_length or longest, longest)
    contexts = [example.context for example in examples]
    targets, coverage = find_targets(tokenizer, contexts, wanted, length)
    if coverage.cut_contexts and training.context_length is None:
        raise ArtefactError(
            f"{path}: {coverage.cut_contexts} contexts are longer than the {longest} tokens of the"
            f" model (the longest has {coverage.longest_context}); set `context_length` to cut them"
        )
    if targets.targets == 0:
        raise ArtefactError(
            f"{path}: none of {coverage.examples} examples has a target in its context"
            f" ({coverage.no_context} have no context)"
        )
    return targets, coverage


def _supervision(
    examples: Sequence[Example], training: SupervisedTraining, title: str
) -> list[list[tuple[str, ...]]]:
    """What is looked for in the context of each example: its targets, with acceptable answers."""
    if training.targets == "answers":
        return [[(example.target, *example.answers)] for example in examples]
    from maskpolicy.learning.supervised.oracle import oracle_sentences, read_oracle

    oracle = None if training.oracle is None else read_oracle(Path(training.oracle))
    wanted = []
    with work_progress(title, len(examples)) as advance:
        for example in examples:
            wanted.append([(sentence,) for sentence in oracle_sentences(example, oracle)])
            advance(1)
    return wanted


def _members(offsets: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members of chosen ragged groups: which group of `chosen` each is in, and its number."""
    first, counts = offsets[chosen], np.diff(offsets)[chosen]
    group = np.repeat(np.arange(len(chosen)), counts)
    before = np.cumsum(counts) - counts
    return group, np.arange(counts.sum()) + np.repeat(first - before, counts)


def _parameters(network: SpanNetwork) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _mean(losses: list[torch.Tensor]) -> float:
    return round(torch.cat(losses).mean().item(), 4)
