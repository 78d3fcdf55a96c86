"""Encoders (BERT, RoBERTa, DistilBERT, ELECTRA, DeBERTa, ModernBERT, …): one checkpoint, with a
head for masked LM, sequences or tokens.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.checkpoints import (
    Report,
    load_checkpoint,
    read_config,
    refuse_weights,
    say_left_out,
)
from maskpolicy.models.layout import SequenceLayout
from maskpolicy.models.segments import separators_between


def load_masked_lm(checkpoint: str | Path, seed: int = 0) -> PreTrainedModel:
    """Load an encoder with its masked-LM head from a folder or hub id.

    Where the checkpoint has no such head it gets a fresh one, drawn with `seed`, and a line on
    standard error says so, as of heads of other kinds, which are left out. A pooler is kept for the
    classifiers that are made of the model. Raises ArtefactError, naming the checkpoint, when it
    can't be loaded or is not whole.
    """
    return load_masked_lm_and_head(checkpoint, seed)[0]


def load_masked_lm_and_head(checkpoint: str | Path, seed: int) -> tuple[PreTrainedModel, bool]:
    """As :func:`load_masked_lm`, and whether its head is a fresh one."""
    model, report = _load(AutoModelForMaskedLM, checkpoint, seed)
    if any("pooler." in name for name in report["unexpected_keys"]):
        # BERT's classifiers read it, masked LM does not: it would be lost on the way to them.
        # Pre-training leaves it as it is. RoBERTa's is read by neither.
        classifier, _ = _load(AutoModelForSequenceClassification, checkpoint, seed)
        pooler = getattr(classifier.base_model, "pooler", None)
        if pooler is not None:
            model.base_model.pooler = pooler
    head = {name for name, _ in model.named_parameters() if not name.startswith(_body(model))}
    if missing := head & report["missing_keys"]:
        if missing < head:
            refuse_weights(checkpoint, missing, ())
        print(
            f"{checkpoint}: the checkpoint has no masked-LM head; it gets a fresh one",
            file=sys.stderr,
        )
    say_left_out(checkpoint, (n for n in report["unexpected_keys"] if "pooler." not in n))
    return model, bool(missing)


def load_sequence_classifier(
    checkpoint: str | Path, labels: int, seed: int = 0, **settings: Any
) -> PreTrainedModel:
    """Load an encoder with a head for whole sequences: `labels` classes, or 1 for regression.

    A head that the checkpoint lacks is drawn with `seed`; `settings` replace those of its
    configuration. Raises ArtefactError as :func:`load_masked_lm`.
    """
    settings["num_labels"] = labels
    return _load(AutoModelForSequenceClassification, checkpoint, seed, **settings)[0]


def load_token_classifier(checkpoint: str | Path, labels: int, seed: int = 0) -> PreTrainedModel:
    """Load an encoder with a head for single tokens, otherwise as one with a head for sequences."""
    return _load(AutoModelForTokenClassification, checkpoint, seed, num_labels=labels)[0]


def longest_input(model: PreTrainedModel) -> int:
    """The tokens that fit into the model, special ones included."""
    embeddings = getattr(model.base_model, "embeddings", None)
    positions = getattr(embeddings, "position_embeddings", None)
    # RoBERTa and its relatives count positions from the one after that of padding.
    padding = getattr(positions, "padding_idx", None)
    offset = 0 if padding is None else padding + 1
    return model.config.max_position_embeddings - offset


def sequence_layout(
    model: PreTrainedModel, tokenizer: Tokenizer, max_length: int
) -> SequenceLayout:
    """How the model wants its input.

    Raises InputError when it can't take `max_length` tokens or the tokenizer has no BOS.
    """
    if max_length > longest_input(model):
        raise InputError(
            f"max_length: {max_length} tokens are more than the {longest_input(model)} "
            f"that this {model.config.model_type} model takes"
        )
    if tokenizer.bos is None:
        raise InputError("encoders read a text after <s> or [CLS], which the tokenizer lacks")
    separators = separators_between(model, tokenizer)
    return SequenceLayout(tokenizer.bos, tokenizer.eos, tokenizer.pad, separators, max_length)


def _load(
    auto_class: Any, checkpoint: str | Path, seed: int, **settings: Any
) -> tuple[PreTrainedModel, Report]:
    """The model and the report of its weights: those that the checkpoint lacks are of its head."""
    config = read_config(checkpoint, **settings)
    if config.is_encoder_decoder or type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ArtefactError(f"{checkpoint} is a {config.model_type} model, which is no masked LM")
    torch.manual_seed(seed)
    model, report = load_checkpoint(auto_class, checkpoint, config)
    # Checkpoints of a body alone have its names without the prefix.
    parts = tuple(f"{name}." for name, _ in model.base_model.named_children())
    of_body = (_body(model), *parts)
    refuse_weights(
        checkpoint,
        [n for n in report["missing_keys"] if n.startswith(_body(model)) and "pooler." not in n],
        [n for n in report["unexpected_keys"] if n.startswith(of_body) and "pooler." not in n],
    )
    return model, report


def _body(model: PreTrainedModel) -> str:
    """How the names of the weights of the encoder itself begin."""
    return f"{model.base_model_prefix}."
