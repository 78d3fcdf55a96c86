"""BART as fairseq keeps it (Ott et al. 2019, Lewis et al. 2020): its names of weights, its files,
both ways.
"""

import argparse
import pickle
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    PreTrainedConfig,
    PreTrainedModel,
)

from maskpolicy.corpora.tokenizer import Tokenizer, import_tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.checkpoints import refuse_weights, save_model

_SETTINGS = {
    "encoder_embed_dim": "d_model",
    "encoder_layers": "encoder_layers",
    "encoder_attention_heads": "encoder_attention_heads",
    "encoder_ffn_embed_dim": "encoder_ffn_dim",
    "decoder_layers": "decoder_layers",
    "decoder_attention_heads": "decoder_attention_heads",
    "decoder_ffn_embed_dim": "decoder_ffn_dim",
    "max_source_positions": "max_position_embeddings",
    "activation_fn": "activation_function",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "encoder_layerdrop": "encoder_layerdrop",
    "decoder_layerdrop": "decoder_layerdrop",
}
"""fairseq's argument -> the key of config.json that means the same."""

_LAYERDROPS = ("encoder_layerdrop", "decoder_layerdrop")

_BUILT_AS_BART = {
    "encoder_normalize_before": False,
    "decoder_normalize_before": False,
    "encoder_learned_pos": True,
    "decoder_learned_pos": True,
    "layernorm_embedding": True,
    "no_scale_embedding": True,
    "share_all_embeddings": True,
}
"""fairseq's arguments that transformers' BART has no choice in."""

ACTIVATIONS = ("gelu", "relu")
"""Those that mean the same by the same name."""

PADDING = 1
"""The id of padding for which both count positions alike: transformers from 2, fairseq from the one
after padding.
"""

_EMBEDDINGS = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.output_projection.weight",
)
"""fairseq's names for what is one matrix of BART."""

_SHARED = "model.shared.weight"
_TIED = {_SHARED, "lm_head.weight", *(f"model.{name}" for name in _EMBEDDINGS[:2])}

_VERSION = 3.0
"""Of the layout of fairseq's encoder and decoder, which it mends when it is missing."""

_OTHER_HEADS = "classification_heads."


@dataclass(frozen=True)
class FairseqCheckpoint:
    """What a checkpoint of fairseq holds: weights by its names, the arguments that it was made
    with, and how many updates it has behind it.
    """

    weights: dict[str, torch.Tensor]
    arguments: Mapping[str, Any]
    updates: int


def fairseq_arguments(config: PreTrainedConfig) -> dict[str, Any]:
    """fairseq's arguments for a BART of this configuration, by their names."""
    sizes = {name: getattr(config, key) for name, key in _SETTINGS.items()}
    return sizes | {"max_target_positions": config.max_position_embeddings}


def to_fairseq(model: PreTrainedModel, name: str | Path) -> dict[str, torch.Tensor]:
    """The weights of a BART by fairseq's names, copied; `name` is that of the model in errors.

    Raises InputError where fairseq's BART is no such model.
    """
    config, bias = model.config, getattr(model, "final_logits_bias", None)
    if config.model_type != "bart":
        raise InputError(f"{name} is a {config.model_type} model; fairseq trains BART here")
    problems = {
        f"`pad_token_id` is not {PADDING}": config.pad_token_id != PADDING,
        "`scale_embedding` is set": config.scale_embedding,
        f"`activation_function` is none of {', '.join(ACTIVATIONS)}": (
            config.activation_function not in ACTIVATIONS
        ),
        "its logits have a bias": bias is not None and bool(bias.any()),
    }
    for problem, there in problems.items():
        if there:
            raise InputError(f"{name}: {problem}, which fairseq's BART can't have")
    kept = model.state_dict()
    weights = {
        key.removeprefix("model."): value.detach().cpu().clone()
        for key, value in kept.items()
        if key.startswith("model.") and key not in _TIED
    }
    weights |= {key: kept[_SHARED].detach().cpu().clone() for key in _EMBEDDINGS}
    versions = {f"{part}.version": torch.tensor([_VERSION]) for part in ("encoder", "decoder")}
    return weights | versions


def load_fairseq_weights(
    model: PreTrainedModel, weights: Mapping[str, torch.Tensor], name: str | Path
) -> None:
    """Give a BART weights that have fairseq's names; those that older versions of fairseq kept as
    one, of queries, keys and values, are taken apart.

    Raises ArtefactError naming `name` where some are missing, unknown, of another shape, or where
    the three embeddings are not the same.
    """
    shared = weights["encoder.embed_tokens.weight"]
    for key in _EMBEDDINGS:
        if key in weights and not torch.equal(weights[key], shared):
            raise ArtefactError(f"{name}: {key} is not the encoder's: BART has one for all")
    found = {_SHARED: shared, **{key: shared for key in _TIED}}
    for key, value in weights.items():
        if key in _EMBEDDINGS or key.endswith(".version"):
            continue
        found |= {f"model.{part}": some for part, some in _apart(key, value).items()}
    wanted = {key: value.shape for key, value in model.state_dict().items()}
    wanted.pop("final_logits_bias")
    refuse_weights(name, wanted.keys() - found.keys(), found.keys() - wanted.keys())
    for key, shape in wanted.items():
        if found[key].shape != shape:
            raise ArtefactError(f"{name}: {key} is {list(found[key].shape)}, not {list(shape)}")
    model.load_state_dict(found, strict=False)


def _apart(key: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    before, joint, kind = key.partition("in_proj_")
    if not joint:
        return {key: value}
    parts = zip("qkv", value.chunk(3), strict=True)
    return {f"{before}{letter}_proj.{kind}": part for letter, part in parts}


def read_fairseq(path: Path) -> FairseqCheckpoint:
    """Read a checkpoint of fairseq, its own `.pt`, without running anything that is in it.

    Tensors, plain values and argparse's Namespace, which holds its arguments, are read and nothing
    else. Raises ArtefactError naming the file when it holds other objects or is no such checkpoint.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is missing") from error
    except pickle.UnpicklingError as error:
        raise ArtefactError(
            f"{path} is damaged, or holds more than weights and arguments, which is not read"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ArtefactError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    arguments = _arguments(state)
    weights = state.get("model") if isinstance(state, dict) else None
    if arguments is None or not isinstance(weights, dict) or _EMBEDDINGS[0] not in weights:
        raise ArtefactError(f"{path} is no checkpoint of a BART in fairseq")
    history = state.get("optimizer_history") or [{}]
    return FairseqCheckpoint(weights, arguments, history[-1].get("num_updates", 0))


def _arguments(state: Any) -> Mapping[str, Any] | None:
    """The arguments of the model: of old checkpoints those of all, of new ones its part of them."""
    if not isinstance(state, dict):
        return None
    told = state.get("args") or (state.get("cfg") or {}).get("model")
    return vars(told) if isinstance(told, argparse.Namespace) else told


def import_bart(path: Path, tokenizer: str, output: Path) -> None:
    """Write a BART that fairseq trained, such as the published `bart.base/model.pt`, as a
    checkpoint of transformers.

    `tokenizer` is the folder or hub id of one with the same ids: for the published ones
    `facebook/bart-base`. In fairseq `<mask>` has the last row of the embeddings, after filler words
    that pad the vocabulary; here it gets the row of the tokenizer's id, and the filler is left out.
    Raises ArtefactError where the file can't be read safely or is no BART that transformers has.
    """
    checkpoint = read_fairseq(path)
    with tempfile.TemporaryDirectory() as folder:
        import_tokenizer(tokenizer, Path(folder) / "tokenizer")
        read = load_tokenizer(Path(folder) / "tokenizer")
    weights = {key: value.float() for key, value in checkpoint.weights.items()}
    if heads := {key for key in weights if key.startswith(_OTHER_HEADS)}:
        print(f"{path}: left out, as of other heads: {_OTHER_HEADS[:-1]}", file=sys.stderr)
    weights = {key: value for key, value in weights.items() if key not in heads}
    for key in _EMBEDDINGS:
        if key in weights:
            weights[key] = _as_the_tokenizer(weights[key], read, path)
    model = BartForConditionalGeneration(_config(checkpoint.arguments, read, path))
    load_fairseq_weights(model, weights, path)
    save_model(model, read, output, parameters=model.num_parameters(), updates=checkpoint.updates)


def _as_the_tokenizer(embeddings: torch.Tensor, tokenizer: Tokenizer, path: Path) -> torch.Tensor:
    """The rows of a vocabulary that ends with filler and `<mask>`, as the tokenizer counts them."""
    known = tokenizer.vocabulary_size
    tokenizer.refuse_smaller_model(len(embeddings), path)
    if len(embeddings) == known:
        return embeddings
    if tokenizer.mask != known - 1:
        raise ArtefactError(
            f"{path} knows {len(embeddings)} tokens, its tokenizer {known}, whose mask is not the"
            " last: give it the tokenizer that it was trained with"
        )
    return torch.cat([embeddings[: known - 1], embeddings[-1:]])


def _config(arguments: Mapping[str, Any], tokenizer: Tokenizer, path: Path) -> BartConfig:
    told = dict(arguments)
    told["activation_dropout"] = told.get("activation_dropout") or told.get("relu_dropout") or 0.0
    told = dict.fromkeys(_LAYERDROPS, 0.0) | told
    if missing := sorted((_SETTINGS.keys() | _BUILT_AS_BART.keys()) - told.keys()):
        raise ArtefactError(f"{path} does not say its {', '.join(missing)}, as a BART does")
    other = [name for name, value in _BUILT_AS_BART.items() if bool(told[name]) != value]
    if other or told["activation_fn"] not in ACTIVATIONS:
        named = ", ".join(other or ["activation_fn"])
        raise ArtefactError(f"{path} is built unlike BART in {named}")
    if told.get("max_target_positions") != told["max_source_positions"]:
        raise ArtefactError(f"{path} takes sources and targets of different lengths, unlike BART")
    if tokenizer.pad != PADDING:
        raise ArtefactError(f"{path}: padding is {tokenizer.pad} in the tokenizer, not {PADDING}")
    return BartConfig(
        vocab_size=tokenizer.vocabulary_size,
        bos_token_id=tokenizer.bos,
        pad_token_id=tokenizer.pad,
        eos_token_id=tokenizer.eos,
        decoder_start_token_id=tokenizer.eos,
        forced_eos_token_id=tokenizer.eos,
        **{key: told[name] for name, key in _SETTINGS.items()},
    )
