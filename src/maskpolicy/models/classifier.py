"""Classifiers of texts and pairs of texts, on top of an encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from transformers import PreTrainedModel

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.checkpoints import dropout_settings
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.labelled import LabelledBatch, LabelledBatches, classification_loss
from maskpolicy.models.layout import EncoderInputs, Segments, SequenceLayout
from maskpolicy.sources.base import ClassificationExample


@dataclass(frozen=True)
class Classifier:
    """A classifier of N labels, or a regression where `labels` is empty."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    layout: SequenceLayout
    labels: tuple[str, ...]

    @classmethod
    def load(
        cls,
        checkpoint: str | Path,
        tokenizer: Tokenizer,
        labels: Sequence[str],
        max_length: int,
        seed: int,
        dropout: float | None = None,
    ) -> Self:
        """The encoder of `checkpoint` with a head for the labels, drawn with `seed` if it lacks it;
        without a `dropout` it has the checkpoint's own.

        Raises ArtefactError as :func:`load_masked_lm`, and InputError as :func:`sequence_layout`.
        """
        settings = dropout_settings(checkpoint, dropout)
        model = load_sequence_classifier(checkpoint, max(1, len(labels)), seed, **settings)
        if labels:  # by their names in the model's own configuration, for who loads it later
            model.config.id2label = dict(enumerate(labels))
            model.config.label2id = {label: i for i, label in enumerate(labels)}
        else:
            model.config.problem_type = "regression"
        return cls(model, tokenizer, sequence_layout(model, tokenizer, max_length), tuple(labels))

    @property
    def decoding(self) -> str:
        """Nothing to choose: the most probable label, or the value."""
        return ""

    def quick(self) -> Self:
        """It knows no faster way."""
        return self

    def batches(
        self, examples: Sequence[ClassificationExample], batch_size: int, seed: int
    ) -> LabelledBatches:
        """Endless batches of inputs and labels."""
        return LabelledBatches(self.encode(examples), self.targets(examples), batch_size, seed)

    def encode(self, examples: Sequence[ClassificationExample]) -> EncoderInputs:
        """The inputs of examples."""
        return encode_examples(examples, self.tokenizer, self.layout)

    def whole_lengths(
        self, examples: Sequence[ClassificationExample]
    ) -> dict[str, tuple[list[int], int]]:
        """Of inputs, of one segment or two."""
        texts = self.tokenizer.encode_rows([example.text for example in examples])
        pairs = self.tokenizer.encode_rows([example.pair or "" for example in examples])
        special = [2 if e.pair is None else 2 + self.layout.separators for e in examples]
        whole = [len(t.ids) + len(p.ids) + n for t, p, n in zip(texts, pairs, special, strict=True)]
        return {"input": (whole, self.layout.max_length)}

    def targets(self, examples: Sequence[ClassificationExample]) -> np.ndarray:
        """What is to be predicted: numbers of labels, int64 [N], or values, float32 [N]."""
        if not self.labels:
            return np.array([float(example.label) for example in examples], np.float32)
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[example.label] for example in examples], np.int64)

    def loss(
        self, model: PreTrainedModel, batch: LabelledBatch, label_smoothing: float
    ) -> torch.Tensor:
        """The loss of a step (see :func:`classification_loss`)."""
        return classification_loss(model, batch, label_smoothing)

    def predict(self, inputs: EncoderInputs) -> list[str]:
        """The most probable label of each input, or the value in digits."""
        outputs = SequenceInference(self.model).outputs(inputs)
        if not self.labels:
            return [repr(value) for value in outputs[:, 0].tolist()]
        return [self.labels[i] for i in outputs.argmax(-1)]

    def weigh_choices(
        self, examples: Sequence[ClassificationExample], inputs: EncoderInputs
    ) -> list[dict[str, float]]:
        """No example has any: labels are chosen."""
        return []


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
