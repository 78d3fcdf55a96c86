"""Fine-tuning encoders: classifiers of texts and pairs, and whatever else has one label a row."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.evaluation.runs import ScoredPredictions, score_predictions, write_run
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.labelled import classification_loss
from maskpolicy.models.layout import EncoderInputs, Segments, SequenceLayout
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import SPLITS, check_labels, read_classification_examples
from maskpolicy.training.epochs import Epoch, train_epochs
from maskpolicy.training.finetune import RunName
from maskpolicy.training.search import write_search
from maskpolicy.training.specs import EncoderFinetuning, EncoderTraining
from maskpolicy.training.state import Saving


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


def fit_classifier(
    checkpoint: str | Path,
    tokenizer: Tokenizer,
    examples: Sequence[ClassificationExample],
    dev: Sequence[ClassificationExample],
    labels: Sequence[str],
    training: EncoderTraining,
    seed: int,
    title: str,
    metric: MetricName = "accuracy",
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
    metric: MetricName,
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
    metrics: Sequence[MetricName],
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
    metrics: Sequence[MetricName],
) -> ScoredPredictions:
    return score_predictions(
        [example.id for example in examples],
        classifier.predict(inputs),
        [[example.label] for example in examples],
        metrics,
    )
