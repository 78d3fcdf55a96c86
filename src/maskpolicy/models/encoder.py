"""Encoders (BERT, RoBERTa): one checkpoint, with a head for masked LM, sequences or tokens."""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
)
from transformers.utils import logging

from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.layout import SequenceLayout
from maskpolicy.models.seq2seq import save_model
from maskpolicy.models.specs import EncoderArchitecture

# transformers reports every head that it makes anew; what matters of it is said here.
logging.set_verbosity_error()
logging.disable_progress_bar()

_MASKED_LM = {"bert": BertForMaskedLM, "roberta": RobertaForMaskedLM}
_SEQUENCES = {"bert": BertForSequenceClassification, "roberta": RobertaForSequenceClassification}
_TOKENS = {"bert": BertForTokenClassification, "roberta": RobertaForTokenClassification}


def create_encoder(
    architecture: EncoderArchitecture, tokenizer: Tokenizer, seed: int
) -> PreTrainedModel:
    """An encoder with a masked-LM head and random weights, its vocabulary that of `tokenizer`."""
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": tokenizer.vocabulary_size,
        "hidden_size": architecture.hidden_size,
        "num_hidden_layers": architecture.layers,
        "num_attention_heads": architecture.attention_heads,
        "intermediate_size": architecture.ffn_dim,
        "hidden_dropout_prob": architecture.dropout,
        "attention_probs_dropout_prob": architecture.dropout,
        "initializer_range": architecture.init_std,
        "bos_token_id": tokenizer.bos,
        "pad_token_id": tokenizer.pad,
        "eos_token_id": tokenizer.eos,
    }
    positions = architecture.max_positions
    if architecture.family == "bert":
        return BertForMaskedLM(BertConfig(max_position_embeddings=positions, **sizes))
    # RoBERTa counts positions from pad + 1 and has one segment.
    positions += tokenizer.pad + 1
    return RobertaForMaskedLM(
        RobertaConfig(max_position_embeddings=positions, type_vocab_size=1, **sizes)
    )


def load_masked_lm(checkpoint: str | Path, seed: int = 0) -> PreTrainedModel:
    """Load an encoder with its masked-LM head from a folder or hub id.

    Where the checkpoint has no such head it gets a fresh one, drawn with `seed`, and a line on
    standard error says so. A pooler is kept for the classifiers that are made of the model. Raises
    ArtefactError, naming the checkpoint, when it can't be loaded.
    """
    return _load_masked_lm(checkpoint, seed)[0]


def load_sequence_classifier(checkpoint: str | Path, labels: int, seed: int = 0) -> PreTrainedModel:
    """Load an encoder with a head for whole sequences: `labels` classes, or 1 for regression.

    A head that the checkpoint lacks is drawn with `seed`. Raises ArtefactError as
    :func:`load_masked_lm`.
    """
    return _load(_SEQUENCES, checkpoint, seed, num_labels=labels)[0]


def load_token_classifier(checkpoint: str | Path, labels: int, seed: int = 0) -> PreTrainedModel:
    """Load an encoder with a head for single tokens, otherwise as one with a head for sequences."""
    return _load(_TOKENS, checkpoint, seed, num_labels=labels)[0]


def longest_input(model: PreTrainedModel) -> int:
    """The tokens that fit into the model, special ones included."""
    config = model.config
    offset = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return config.max_position_embeddings - offset


def sequence_layout(
    model: PreTrainedModel, tokenizer: Tokenizer, max_length: int
) -> SequenceLayout:
    """How the model wants its input. Raises InputError when it can't take `max_length` tokens."""
    if max_length > longest_input(model):
        raise InputError(
            f"max_length: {max_length} tokens are more than the {longest_input(model)} "
            f"that this {model.config.model_type} model takes"
        )
    separators = 2 if model.config.model_type == "roberta" else 1
    return SequenceLayout(tokenizer.bos, tokenizer.eos, tokenizer.pad, separators, max_length)


def initialise_encoder(
    tokenizer_folder: Path,
    architecture: EncoderArchitecture | None,
    pretrained: str | None,
    seed: int,
    output: Path,
) -> None:
    """Write the masked-LM checkpoint that a study starts from: fresh, or pre-trained as it is.

    The manifest says whether the masked-LM head is fresh. Raises ArtefactError when a pre-trained
    encoder can't be loaded, or its vocabulary does not fit the tokenizer.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    if architecture is not None:
        model, fresh_head = create_encoder(architecture, tokenizer, seed), True
    else:
        assert pretrained is not None, "the configuration guarantees one of the two"
        model, fresh_head = _load_masked_lm(pretrained, seed)
        tokenizer.refuse_smaller_model(model.config.vocab_size, pretrained)
    save_model(model, output, parameters=model.num_parameters(), fresh_head=fresh_head)


def _load_masked_lm(checkpoint: str | Path, seed: int) -> tuple[PreTrainedModel, bool]:
    model, report = _load(_MASKED_LM, checkpoint, seed)
    if any("pooler." in name for name in report["unexpected_keys"]):
        # BERT's classifiers read it, masked LM does not: it would be lost on the way to them.
        # Pre-training leaves it as it is. RoBERTa's is read by neither.
        model.base_model.pooler = _load(_SEQUENCES, checkpoint, seed)[0].base_model.pooler
    fresh_head = bool(report["missing_keys"])
    if fresh_head:
        print(
            f"{checkpoint}: the checkpoint has no masked-LM head; it gets a fresh one",
            file=sys.stderr,
        )
    return model, fresh_head


def _load(
    classes: dict[str, type[PreTrainedModel]],
    checkpoint: str | Path,
    seed: int,
    **settings: Any,
) -> tuple[PreTrainedModel, dict[str, set[str]]]:
    """The model and transformers' report of the weights that the checkpoint lacks, `missing_keys`,
    all of them of its head, and of those that the model has no use for, `unexpected_keys`.
    """
    try:
        config = AutoConfig.from_pretrained(str(checkpoint))
        if config.model_type not in classes:
            raise ArtefactError(
                f"{checkpoint} is a {config.model_type} model, not one of: {', '.join(classes)}"
            )
        torch.manual_seed(seed)
        model, report = classes[config.model_type].from_pretrained(
            str(checkpoint), output_loading_info=True, dtype=torch.float32, **settings
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtefactError(f"cannot load the model {checkpoint}: {error}") from error
    body = tuple(f"{model.base_model_prefix}.{part}." for part in ("embeddings", "encoder"))
    lost = sorted(key for key in report["missing_keys"] if key.startswith(body))
    if lost:
        raise ArtefactError(f"{checkpoint} lacks {len(lost)} weights of the encoder, as {lost[0]}")
    return model, report
