"""Fine-tuning encoders: classifiers of texts and pairs, and whatever else has one label a row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch.nn.functional import cross_entropy, mse_loss
from transformers import PreTrainedModel

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.evaluation.runs import ScoredPredictions, score_predictions, write_run
from maskpolicy.evaluation.specs import Metric
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference, model_arguments
from maskpolicy.models.layout import EncoderInputs, Segments, SequenceLayout
from maskpolicy.tasks.classification import (
    SPLITS,
    ClassificationExample,
    check_labels,
    read_classification_examples,
)
from maskpolicy.training.batches import bucketed_order
from maskpolicy.training.finetune import RunName
from maskpolicy.training.loop import train
from maskpolicy.training.search import write_search
from maskpolicy.training.specs import EncoderFinetuning, EncoderTraining, Optimisation
from maskpolicy.training.state import Saving, State, load_state, save_state

BETAS = (0.9, 0.999)
"""Of AdamW, as BERT is fine-tuned."""

_BEST = "best/"
"""Prefix of the weights of the best epoch so far in a saved state."""


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


@dataclass(frozen=True)
class Epoch:
    """A pass over the training examples: mean loss in it, the dev score after it, their seconds."""

    loss: float
    dev: float
    seconds: float = field(compare=False)


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """The number, from 1, of the epoch with the best dev score; the first of equals."""
    return 1 + max(range(len(epochs)), key=lambda i: epochs[i].dev)


@dataclass(frozen=True)
class Classifier:
    """A fine-tuned classifier of N labels, or a regression where `labels` is empty."""

    model: PreTrainedModel
    layout: SequenceLayout
    labels: tuple[str, ...]

    def encode(
        self, examples: Sequence[ClassificationExample], tokenizer: Tokenizer
    ) -> EncoderInputs:
        """The inputs of examples."""
        return encode_examples(examples, tokenizer, self.layout)

    def targets(self, examples: Sequence[ClassificationExample]) -> np.ndarray:
        """What is to be predicted: numbers of labels, int64 [N], or values, float32 [N]."""
        if not self.labels:
            return np.array([float(example.label) for example in examples], np.float32)
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[example.label] for example in examples], np.int64)

    def predict(self, inputs: EncoderInputs) -> list[str]:
        """The most probable label of each input, or the value in digits."""
        outputs = SequenceInference(self.model).outputs(inputs)
        if not self.labels:
            return [repr(value) for value in outputs[:, 0].tolist()]
        return [self.labels[i] for i in outputs.argmax(-1)]


def segments_of(texts: Sequence[str], tokenizer: Tokenizer) -> Segments:
    """The token ids of texts."""
    aligned = align(tokenizer, texts)
    return Segments(aligned.ids, aligned.token_offsets)


def encode_examples(
    examples: Sequence[ClassificationExample], tokenizer: Tokenizer, layout: SequenceLayout
) -> EncoderInputs:
    """The inputs of examples, of one segment or two.

    Raises ValueError when some are pairs and some are not.
    """
    first = segments_of([example.text for example in examples], tokenizer)
    pairs = {example.pair is not None for example in examples}
    if len(pairs) > 1:
        raise ValueError("a task is of single texts or of pairs, not of both")
    if pairs != {True}:
        return layout.arrange(first)
    return layout.arrange(first, segments_of([e.pair or "" for e in examples], tokenizer))


def classification_loss(
    model: PreTrainedModel, batch: LabelledBatch, label_smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats per example, or the mean squared error of a regression."""
    logits = model(**model_arguments(model, batch.inputs)).logits
    if logits.shape[-1] == 1:
        return mse_loss(logits[:, 0], batch.labels)
    return cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)


def train_epochs(
    model: PreTrainedModel,
    inputs: EncoderInputs,
    labels: np.ndarray,
    training: EncoderTraining,
    step_loss: Callable[[PreTrainedModel, LabelledBatch, float], torch.Tensor],
    dev_score: Callable[[], float],
    seed: int,
    title: str,
    saving: Saving | None = None,
) -> list[Epoch]:
    """Fine-tune `model` in place and leave it with the weights of the best epoch.

    `labels` is indexed by example (see :class:`LabelledBatch`); `dev_score` scores the model as it
    is after an epoch, the higher the better, and the first of equals is kept. With `saving` an
    interrupted training goes on after the last epoch that was saved, and a finished one is not
    repeated.
    """
    steps = -(-len(inputs) // training.batch_size)
    optimisation = Optimisation(
        steps=steps * training.epochs,
        batch_size=training.batch_size,
        warmup=training.warmup,
        weight_decay=training.weight_decay,
        betas=BETAS,
    )
    losses: list[float] = []
    epochs: list[Epoch] = []
    best: dict[str, torch.Tensor] = {}
    saved = None if saving is None else load_state(saving.folder, saving.fingerprint)
    if saved is not None:
        epochs = [Epoch(**epoch) for epoch in saved.facts["epochs"]]
        best = {
            name.removeprefix(_BEST): weight
            for name, weight in saved.tensors.items()
            if name.startswith(_BEST)
        }
    started = monotonic()

    def after_step(done: int, loss: float) -> None:
        nonlocal best, started
        losses.append(loss)
        if done % steps:
            return
        score = dev_score()
        epochs.append(Epoch(sum(losses) / steps, score, monotonic() - started))
        if best_epoch(epochs) == len(epochs):
            best = {name: weight.clone() for name, weight in model.state_dict().items()}
        losses.clear()
        started = monotonic()

    def with_epochs(state: State) -> State:
        tensors = state.tensors | {f"{_BEST}{name}": weight for name, weight in best.items()}
        return State(tensors, state.facts | {"epochs": [asdict(epoch) for epoch in epochs]})

    def keep(state: Callable[[], State]) -> None:
        if saving is not None and not losses:
            saving.now_and_then(lambda: with_epochs(state()))

    if len(epochs) < training.epochs:
        batches = LabelledBatches(inputs, labels, training.batch_size, seed)
        train(
            model,
            islice(batches, steps * len(epochs), None),
            optimisation,
            training.learning_rate,
            seed,
            title,
            step_loss,
            after_step,
            saved,
            keep,
        )
        if saving is not None:
            finished = with_epochs(State({}, {}))
            save_state(saving.folder, saving.fingerprint, finished.tensors, finished.facts)
    model.load_state_dict(best)
    model.eval()
    return epochs


def fit_classifier(
    checkpoint: str | Path,
    tokenizer: Tokenizer,
    examples: Sequence[ClassificationExample],
    dev: Sequence[ClassificationExample],
    labels: Sequence[str],
    training: EncoderTraining,
    seed: int,
    title: str,
    metric: Metric = "accuracy",
    saving: Saving | None = None,
) -> tuple[Classifier, list[Epoch]]:
    """Fine-tune the encoder of `checkpoint` with a fresh head; the best epoch on dev is kept.

    Which is the best, `metric` says. Without `labels` it is a regression. For `saving` see
    :func:`train_epochs`.
    """
    model = load_sequence_classifier(checkpoint, max(1, len(labels)), seed)
    layout = sequence_layout(model, tokenizer, training.max_length)
    classifier = Classifier(model, layout, tuple(labels))
    dev_inputs = classifier.encode(dev, tokenizer)
    epochs = train_epochs(
        model,
        classifier.encode(examples, tokenizer),
        classifier.targets(examples),
        training,
        classification_loss,
        lambda: _scored(classifier, dev_inputs, dev, [metric]).metrics[metric],
        seed,
        title,
        saving,
    )
    return classifier, epochs


def search_classifier(
    checkpoint: Path,
    tokenizer_folder: Path,
    task: Path,
    finetuning: EncoderFinetuning,
    regression: bool,
    metric: Metric,
    seed: int,
    title: str,
    output: Path,
) -> None:
    """Try every learning rate of the grid, score its best epoch on dev, and write the best.

    Test is never read. Raises InputError when train lacks a label of dev.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    splits = {split: _read(task, split) for split in ("train", "dev")}
    labels = () if regression else check_labels(splits)

    def dev_score(rate: float) -> float:
        _, epochs = fit_classifier(
            checkpoint,
            tokenizer,
            splits["train"],
            splits["dev"],
            labels,
            finetuning.at(rate),
            seed,
            f"{title}, search lr {rate:g}",
            metric,
        )
        return max(epoch.dev for epoch in epochs)

    scores = {rate: dev_score(rate) for rate in finetuning.learning_rates}
    write_search(output, metric, scores)


def finetune_classifier(
    checkpoint: Path,
    tokenizer_folder: Path,
    task: Path,
    finetuning: EncoderFinetuning,
    regression: bool,
    metrics: Sequence[Metric],
    learning_rate: float,
    name: RunName,
    output: Path,
) -> None:
    """Fine-tune with one seed; write the run (predictions and scores of test) to `output`.

    Dev chooses the epoch by the first metric, test is only reported. Raises InputError when train
    lacks a label.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    splits = {split: _read(task, split) for split in SPLITS}
    classifier, _ = fit_classifier(
        checkpoint,
        tokenizer,
        splits["train"],
        splits["dev"],
        () if regression else check_labels(splits),
        finetuning.at(learning_rate),
        name.seed,
        f"{name.policy}, seed {name.seed}",
        metrics[0],
    )
    dev, test = (
        _scored(classifier, classifier.encode(splits[split], tokenizer), splits[split], metrics)
        for split in ("dev", "test")
    )
    write_run(output, test, **asdict(name), dev=dev.metrics)


def _read(task: Path, split: str) -> list[ClassificationExample]:
    return read_classification_examples(task / f"{split}.arrow")


def _scored(
    classifier: Classifier,
    inputs: EncoderInputs,
    examples: Sequence[ClassificationExample],
    metrics: Sequence[Metric],
) -> ScoredPredictions:
    return score_predictions(
        [example.id for example in examples],
        classifier.predict(inputs),
        [[example.label] for example in examples],
        metrics,
    )
