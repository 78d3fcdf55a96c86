"""Training the span network of a supervised policy on a task (Ye et al. 2021, 4.2 and A.1)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from maskpolicy.artefacts import atomic_directory, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.drawing.learning_curve import draw_learning_curve
from maskpolicy.errors import ArtefactError
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.supervised.learner import History, SpanLearner
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.learning.supervised.targets import ContextTargets, Coverage, find_targets, members
from maskpolicy.models.devices import choose_device
from maskpolicy.policies.specs import Supervised
from maskpolicy.policies.supervised.network import SpanNetwork, longest_text, network_on
from maskpolicy.policies.supervised.ranking import rank_spans
from maskpolicy.policies.token_network import save_network, score_tokens
from maskpolicy.progress import work_progress
from maskpolicy.randomness import key
from maskpolicy.sources.base import Example, files_at
from maskpolicy.tasks.seq2seq import read_examples
from maskpolicy.training.fit import fit
from maskpolicy.training.state import Saving, fingerprint


@dataclass(frozen=True)
class _Split:
    """The targets of a split, and what became of its examples."""

    targets: ContextTargets
    coverage: Coverage


def train_supervised_policy(
    files: PolicyFiles, training: SupervisedTraining, seed: int, title: str
) -> None:
    """Train a network to find the targets of a task in their contexts; write it to a folder.

    Reads train.arrow and dev.arrow of the task and nothing else of it, the token embeddings of a
    BART checkpoint, and the tokenizer. The epoch with the lowest loss on dev is kept. Writes
    network.safetensors, learning-curve.svg and manifest.json, which counts what was found. An
    interrupted training goes on from `files.state`, if settings and inputs are the same.

    Raises ArtefactError, naming the file: no example has its target in its context, contexts longer
    than the model, or a file that can't be read. Raises Diverged when the loss does.
    """
    tokenizer = load_tokenizer(files.tokenizer)
    longest = longest_text(files.checkpoint)
    train = _read_targets(files.split("train"), tokenizer, training, longest, title)
    dev = _read_targets(files.split("dev"), tokenizer, training, longest, title)

    network = network_on(files.checkpoint, int(key(seed, "network") >> 1)).to(choose_device())
    tokenizer.refuse_smaller_model(network.embeddings.num_embeddings, files.checkpoint)
    oracle = [] if training.oracle is None else files_at(training.oracle)
    identity = fingerprint([training.model_dump(), seed], [*files.inputs, *oracle])
    with Saving(files.state, identity) as saving:
        learner = SpanLearner(title, network, train.targets, dev.targets, training, seed)
        fit(learner, saving)
        _write(files.output, learner, train, dev, training)


def _write(
    output: Path, learner: SpanLearner, train: _Split, dev: _Split, training: SupervisedTraining
) -> None:
    """Write the trained network, its learning curve, and how well it finds the targets of dev."""
    history = learner.history
    # Of answers what policies find by default is measured; no sentence is as short.
    longest_span = Supervised.model_fields["max_span_length"].default
    if training.targets == "sentences":
        longest_span = train.targets.longest_target
    with atomic_directory(output) as folder:
        network_file = save_network(learner.network, folder)
        curve = folder / "learning-curve.svg"
        write_text(curve, _learning_curve(history))
        write_manifest(
            folder / "manifest.json",
            [network_file, curve],
            training=training.model_dump(),
            seed=learner.seed,
            train=asdict(train.coverage) | {"longest_target": train.targets.longest_target},
            dev=asdict(dev.coverage) | hit_rates(learner.network, dev.targets, longest_span),
            best_epoch=history.best_epoch,
            losses={"train": history.train, "dev": history.dev},
        )


def _learning_curve(history: History) -> str:
    epochs = range(1, len(history.dev) + 1)
    losses = {
        "train": list(zip(epochs, history.train, strict=True)),
        "dev": list(zip(epochs, history.dev, strict=True)),
    }
    return draw_learning_curve({"loss (nats per target)": losses}, "epoch", history.best_epoch)


def hit_rates(network: SpanNetwork, contexts: ContextTargets, longest: int) -> dict[str, float]:
    """Shares of contexts in which the best span, or one of the best five, is a target exactly.

    Spans are of at most `longest` tokens. Where contexts also hold targets of other splits, the
    best span is often one of those, and counts as wrong.
    """
    start, end = score_tokens(network, contexts.offsets, contexts.input_ids)
    ranked = rank_spans(contexts.offsets, contexts.word_start, start, end, longest, best=5)
    context, targets = members(contexts.target_offsets, np.arange(contexts.contexts))
    target, spans = members(contexts.span_offsets, targets)

    def numbered(context: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        width = contexts.lengths.max() + 1
        return (context * width + start) * width + end

    gold = numbered(context[target], contexts.start[spans], contexts.end[spans])
    predicted = numbered(np.arange(contexts.contexts)[:, None], ranked.start, ranked.end)
    correct = np.isin(predicted, gold) & (np.arange(5) < ranked.count[:, None])
    return {
        "top1_hits": round(float(correct[:, 0].mean()), 4),
        "top5_hits": round(float(correct.any(axis=1).mean()), 4),
    }


def _read_targets(
    path: Path, tokenizer: Tokenizer, training: SupervisedTraining, longest: int, title: str
) -> _Split:
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
            f"{path}: none of {coverage.examples} examples has a target in its context, of which"
            f" {length} tokens are read ({coverage.cut_off} have theirs beyond them,"
            f" {coverage.missing} have it nowhere, {coverage.no_context} have no context)"
        )
    return _Split(targets, coverage)


def _supervision(
    examples: Sequence[Example], training: SupervisedTraining, title: str
) -> list[list[tuple[str, ...]]]:
    """What is looked for in the context of each example: its targets, with acceptable answers."""
    if training.targets == "answers":
        return [[(example.target, *example.answers)] for example in examples]
    from maskpolicy.learning.supervised.oracle import oracle_sentences, read_oracle

    oracle = None if training.oracle is None else read_oracle(training.oracle)
    if oracle is not None and not any(example.id in oracle for example in examples):
        raise ArtefactError(
            f"{training.oracle}: no line is of any of {len(examples):,} examples, whose ids are as"
            f" {examples[0].id!r}"
        )
    wanted: list[list[tuple[str, ...]]] = []
    with work_progress(title, len(examples)) as advance:
        for example in examples:
            wanted.append([(sentence,) for sentence in oracle_sentences(example, oracle)])
            advance(1)
    return wanted
