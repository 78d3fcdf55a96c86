"""Encoder-decoders (BART, T5, PEGASUS, mBART, …): loaded from a checkpoint, and run."""

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoModelForSeq2SeqLM,
    GenerationConfig,
    PreTrainedModel,
)

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import Batch
from maskpolicy.models.checkpoints import load_checkpoint, read_config, refuse_weights, say_left_out

OTHER_HEADS = ("classification_head.", "qa_outputs.")
"""Weights of encoder-decoders with another head than that which writes a target."""


def load_model(checkpoint: str | Path, **settings: Any) -> PreTrainedModel:
    """Load a checkpoint from a folder or hub id; `settings` replace those of its configuration.

    How it was to decode, its generation_config.json and what older versions of transformers wrote
    into config.json, is left out: it keeps its special tokens and no more. Raises ArtefactError
    naming the checkpoint when it is no encoder-decoder, can't be loaded or is not whole, and
    InputError when its kind of model has no such setting.
    """
    try:
        config = read_config(checkpoint, **settings)
    except TypeError as error:
        raise InputError(
            f"{checkpoint} has no such settings as {', '.join(settings)}: this needs a BART or a"
            f" model built like it ({error})"
        ) from error
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ArtefactError(
            f"{checkpoint} is a {config.model_type} model, which is no encoder-decoder"
        )
    model, report = load_checkpoint(AutoModelForSeq2SeqLM, checkpoint, config)
    others = {name for name in report["unexpected_keys"] if name.startswith(OTHER_HEADS)}
    refuse_weights(checkpoint, report["missing_keys"], report["unexpected_keys"] - others)
    say_left_out(checkpoint, others)
    _set_decoder_start(model)
    forget_decoding(model)
    return model


def forget_decoding(model: PreTrainedModel) -> None:
    """Leave nothing of how the model was to decode but its special tokens."""
    ids = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")
    model.generation_config = GenerationConfig(
        **{name: getattr(model.config, name, None) for name in ids}
    )


def longest_sequence(model: PreTrainedModel) -> int:
    """The tokens that fit into source and target, special ones included.

    Models with relative positions only (T5) take any number.
    """
    return getattr(model.config, "max_position_embeddings", sys.maxsize)


def built_like_bart(model: PreTrainedModel) -> bool:
    """Whether the model is a body, a linear head and a bias of the logits, as BART and its
    relatives (mBART, PEGASUS, …) are.
    """
    return hasattr(model, "final_logits_bias") and hasattr(model, "lm_head")


def label_logits(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """The logits of each label, given those before it: float [labels, vocabulary].

    Labels are the tokens of the targets without padding, row by row.
    """
    if built_like_bart(model):
        # Logits of padding would be the greater part of a small model's work.
        logits = model.lm_head(label_states(model, batch, input_ids=batch.source))
        return logits.add_(model.final_logits_bias)
    logits = model(
        input_ids=batch.source,
        attention_mask=batch.attention_mask(model.config.pad_token_id),
        decoder_input_ids=shifted(model, batch.target),
        use_cache=False,
    ).logits
    return logits.flatten(0, 1)[batch.label_positions(model.config.pad_token_id)]


def label_states(model: PreTrainedModel, batch: Batch, **inputs: torch.Tensor) -> torch.Tensor:
    """The decoder's states before each label, of a model built like BART: float [labels, d].

    For labels see :func:`label_logits`. `inputs` is what the encoder reads, `input_ids` or
    `inputs_embeds`.
    """
    hidden = model.model(
        attention_mask=batch.attention_mask(model.config.pad_token_id),
        decoder_input_ids=shifted(model, batch.target),
        use_cache=False,
        **inputs,
    ).last_hidden_state
    return hidden.flatten(0, 1)[batch.label_positions(model.config.pad_token_id)]


def shifted(model: PreTrainedModel, target: torch.Tensor) -> torch.Tensor:
    """What the decoder reads: each label one position later, after the token it starts with."""
    decoder_input = target.roll(1, dims=1)
    decoder_input[:, 0] = model.config.decoder_start_token_id
    return decoder_input


def _set_decoder_start(model: PreTrainedModel) -> None:
    """Let training and decoding start alike where the configuration does not say with what: with
    BOS, or where there is none with padding, as T5 does.
    """
    config, decoding = model.config, model.generation_config
    if getattr(config, "decoder_start_token_id", None) is None:
        said = None if decoding is None else decoding.decoder_start_token_id
        known = [i for i in (said, getattr(config, "bos_token_id", None)) if i is not None]
        config.decoder_start_token_id = known[0] if known else config.pad_token_id
