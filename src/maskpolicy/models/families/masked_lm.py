"""Encoders with a masked-LM head: any checkpoint that AutoModelForMaskedLM loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.batches import InPlaceBatch
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.encoder import load_masked_lm, load_masked_lm_and_head, longest_input
from maskpolicy.models.families.base import TaskData
from maskpolicy.models.losses import masked_lm_loss
from maskpolicy.models.specs import FAMILIES, EncoderModel, Family, Generation
from maskpolicy.tasks.classification import check_labels, read_classification_examples
from maskpolicy.tasks.facts import read_task_facts


class InputLength(Protocol):
    """The length that inputs are cut to."""

    @property
    def max_length(self) -> int:
        """Tokens, special ones included."""
        ...


class MaskedLMFamily:
    """BERT, RoBERTa, DistilBERT, ELECTRA's generator, DeBERTa, ModernBERT and their like."""

    name: Family = "encoder"
    traits = FAMILIES[name]

    def initial(
        self, model: EncoderModel, tokenizer: Tokenizer, seed: int
    ) -> tuple[PreTrainedModel, dict[str, Any]]:
        """A fresh BERT or RoBERTa, or a pre-trained model as it is; `fresh_head`: whether its
        masked-LM head is.
        """
        if model.architecture is None:
            assert model.pretrained is not None, "the configuration guarantees one of the two"
            loaded, fresh_head = load_masked_lm_and_head(model.pretrained, seed)
            return loaded, {"fresh_head": fresh_head}
        from maskpolicy.models.bert import create_encoder

        return create_encoder(model.architecture, tokenizer, seed), {"fresh_head": True}

    def load(self, checkpoint: str | Path, seed: int = 0) -> PreTrainedModel:
        """The checkpoint with its masked-LM head, or a fresh one."""
        return load_masked_lm(checkpoint, seed)

    def longest_input(self, model: PreTrainedModel) -> int:
        """The tokens that fit into the model, special ones included."""
        return longest_input(model)

    def pretraining_loss(
        self, model: PreTrainedModel, batch: InPlaceBatch, label_smoothing: float
    ) -> torch.Tensor:
        """See :func:`masked_lm_loss`."""
        return masked_lm_loss(model, batch, label_smoothing)

    def read_task(self, task: Path, splits: Sequence[str]) -> TaskData:
        """Labelled examples; the labels of the train split, or none in a regression."""
        examples = {
            split: read_classification_examples(task / f"{split}.arrow") for split in splits
        }
        regression = read_task_facts(task).regression
        return TaskData(examples, () if regression else check_labels(examples))

    def task_model(
        self,
        checkpoint: str | Path,
        tokenizer: Tokenizer,
        *,
        labels: tuple[str, ...],
        lengths: InputLength,
        generation: Generation,
        seed: int,
        dropout: float | None = None,
    ) -> Classifier:
        """The checkpoint's encoder with a fresh head; labels are chosen, nothing is generated."""
        return Classifier.load(checkpoint, tokenizer, labels, lengths.max_length, seed, dropout)


FAMILY = MaskedLMFamily()
