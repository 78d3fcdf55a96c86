"""Sequence-to-sequence models: any checkpoint that AutoModelForSeq2SeqLM loads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.errors import InputError
from maskpolicy.models.batches import Batch, PairBatches
from maskpolicy.models.checkpoints import dropout_settings
from maskpolicy.models.families.base import TaskData
from maskpolicy.models.generation import generate
from maskpolicy.models.likelihood import log_likelihoods
from maskpolicy.models.losses import sequence_loss
from maskpolicy.models.seq2seq import load_model, longest_sequence
from maskpolicy.models.specs import FAMILIES, Family, Generation, Seq2SeqModel
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import read_examples


class PairLengths(Protocol):
    """Tokens that sources and targets are cut to, special ones included."""

    @property
    def source_length(self) -> int:
        """Of sources."""
        ...

    @property
    def target_length(self) -> int:
        """Of targets."""
        ...


@dataclass(frozen=True)
class SequenceGenerator:
    """A model that writes the target of a source."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    lengths: PairLengths
    generation: Generation

    @property
    def decoding(self) -> str:
        """See :attr:`Generation.signature`."""
        return self.generation.signature

    def quick(self) -> "SequenceGenerator":
        """The same, greedily (see :attr:`Generation.greedy`)."""
        return replace(self, generation=self.generation.greedy)

    def batches(self, examples: Sequence[Example], batch_size: int, seed: int) -> PairBatches:
        """Endless batches of (source, target)."""
        targets = self.tokenizer.encode([e.target for e in examples], self.lengths.target_length)
        pairs = list(zip(self.encode(examples), targets, strict=True))
        return PairBatches(pairs, self.tokenizer.pad, batch_size, seed)

    def loss(self, model: PreTrainedModel, batch: Batch, label_smoothing: float) -> torch.Tensor:
        """The loss of a step (see :func:`sequence_loss`)."""
        return sequence_loss(model, batch, label_smoothing)

    def encode(self, examples: Sequence[Example]) -> list[list[int]]:
        """The token ids of the sources."""
        return self.tokenizer.encode([e.source for e in examples], self.lengths.source_length)

    def whole_lengths(self, examples: Sequence[Example]) -> dict[str, tuple[list[int], int]]:
        """Of sources, targets and, where there are any, all choices."""
        choices = [choice for example in examples for choice in example.choices]
        source_length, target_length = self.lengths.source_length, self.lengths.target_length
        parts = {
            "source": (self._lengths([e.source for e in examples]), source_length),
            "target": (self._lengths([e.target for e in examples]), target_length),
        }
        if choices:
            parts["choice"] = self._lengths(choices), target_length
        return parts

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        whole = self.tokenizer.encode_rows(texts)
        return [len(encoding.ids) + self.tokenizer.ends for encoding in whole]

    def predict(self, inputs: Sequence[Sequence[int]]) -> list[str]:
        """The decoded prediction for each source (see :func:`generate`)."""
        return generate(self.model, self.tokenizer, inputs, self.generation)

    def weigh_choices(
        self, examples: Sequence[Example], inputs: Sequence[Sequence[int]]
    ) -> list[dict[str, float]]:
        """The log-likelihood of each choice (see :func:`log_likelihoods`)."""
        if not any(example.choices for example in examples):
            return []
        targets = [
            self.tokenizer.encode(example.choices, self.lengths.target_length)
            for example in examples
        ]
        found = log_likelihoods(
            self.model, self.tokenizer, inputs, targets, self.generation.batch_size
        )
        pairs = zip(examples, found, strict=True)
        return [dict(zip(example.choices, some, strict=True)) for example, some in pairs]


class Seq2SeqFamily:
    """BART, T5, PEGASUS, mBART and their like."""

    name: Family = "seq2seq"
    traits = FAMILIES[name]

    def initial(
        self, model: Seq2SeqModel, tokenizer: Tokenizer, seed: int
    ) -> tuple[PreTrainedModel, dict[str, Any]]:
        """A fresh BART, or a pre-trained model as it is."""
        if model.architecture is None:
            assert model.pretrained is not None, "the configuration guarantees one of the two"
            return load_model(model.pretrained), {}
        from maskpolicy.models.bart import create_bart

        return create_bart(model.architecture, tokenizer, seed), {}

    def load(self, checkpoint: str | Path, seed: int = 0) -> PreTrainedModel:
        """The checkpoint, which lacks nothing."""
        return load_model(checkpoint)

    def longest_input(self, model: PreTrainedModel) -> int:
        """The tokens that fit into source and target."""
        return longest_sequence(model)

    def pretraining_loss(
        self, model: PreTrainedModel, batch: Batch, label_smoothing: float
    ) -> torch.Tensor:
        """See :func:`sequence_loss`."""
        return sequence_loss(model, batch, label_smoothing)

    def read_task(self, task: Path, splits: Sequence[str]) -> TaskData:
        """Examples of (source, target)."""
        return TaskData({split: read_examples(task / f"{split}.arrow") for split in splits})

    def task_model(
        self,
        checkpoint: str | Path,
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        lengths: PairLengths,
        generation: Generation,
        seed: int,
        dropout: float | None = None,
    ) -> SequenceGenerator:
        """The checkpoint's model; targets are free text, so there are no `labels`."""
        model = load_model(checkpoint, **dropout_settings(checkpoint, dropout))
        read = {
            "finetuning: source_length": lengths.source_length,
            "finetuning: target_length": lengths.target_length,
            # The decoder reads the token that it starts with, BOS and the answer.
            "generation: max_length": generation.max_length + tokenizer.ends,
        }
        longest = longest_sequence(model)
        for key, tokens in read.items():
            if tokens > longest:
                raise InputError(
                    f"{key}: with special tokens {tokens} tokens are more than the {longest} that"
                    f" {checkpoint} takes"
                )
        return SequenceGenerator(model, tokenizer, lengths, generation)


FAMILY = Seq2SeqFamily()
