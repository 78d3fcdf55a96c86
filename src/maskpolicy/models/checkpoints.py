"""Checkpoints: folders that transformers writes and anyone's from_pretrained loads."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from maskpolicy.artefacts import atomic_directory, read_json, write_manifest
from maskpolicy.corpora.tokenizer import Tokenizer, write_tokenizer
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.segments import has_segments, separators_between
from maskpolicy.pretrained import not_loaded, refuse

# transformers announces every checkpoint it reads or writes and every head that it makes anew; the
# stages have their own progress, and say what matters of a head.
logging.set_verbosity_error()
logging.disable_progress_bar()

Report = dict[str, set[str]]
"""Names of weights: those that the checkpoint lacks, `missing_keys`, and those that the model has
no use for, `unexpected_keys`.
"""

_OF_USE = {
    **{"return_dict": True, "output_attentions": False, "output_hidden_states": False},
    **{"is_decoder": False, "add_cross_attention": False},
}
"""Settings in a config.json that are not of the model but of how somebody used it: what a forward
pass returns, and whether an encoder sees only what is left of a token.
"""

_BUFFERS = ("position_ids", "token_type_ids", "inv_freq", "encoder.version", "decoder.version")
"""How names end that are no weights, which older versions of transformers saved beside them."""

DROPOUTS = (
    *("dropout", "attention_dropout", "activation_dropout", "dropout_rate"),
    *("hidden_dropout_prob", "attention_probs_dropout_prob"),
    *("embedding_dropout", "mlp_dropout", "pooler_dropout", "relu_dropout"),
    *("classifier_dropout", "classif_dropout", "seq_classif_dropout"),
)
"""Probabilities of dropout in the config.json of BART, T5, PEGASUS, BERT, DeBERTa, DistilBERT,
ModernBERT and their like.
"""

NAMED = 3
"""Weights that an error names; of the others it gives the number."""

_UNREADABLE = (OSError, ValueError, RuntimeError, ImportError, SafetensorError)


def read_config(checkpoint: str | Path, **settings: Any) -> PreTrainedConfig:
    """The configuration of a folder or hub id, with `settings` in the place of its own.

    Raises ArtefactError naming it, and TypeError naming the settings that it does not have.
    """
    refuse(checkpoint)
    try:
        config, unknown = AutoConfig.from_pretrained(
            str(checkpoint), return_unused_kwargs=True, **_OF_USE | settings
        )
    except _UNREADABLE as error:
        raise not_loaded(checkpoint, error) from error
    if unknown := sorted(unknown.keys() & settings.keys()):
        raise TypeError(f"{config.model_type} models have no {', '.join(unknown)}")
    return config


def dropout_settings(checkpoint: str | Path, dropout: float | None) -> dict[str, float]:
    """The settings that give a model another dropout wherever its configuration has one; none for
    None.

    Layers that are left out as a whole (`layerdrop`) stay as they are. Raises ArtefactError naming
    the checkpoint, and InputError where it has no dropout.
    """
    if dropout is None:
        return {}
    config = read_config(checkpoint).to_dict()
    settings = {key: dropout for key in DROPOUTS if isinstance(config.get(key), float | int)}
    if not settings:
        raise InputError(f"finetuning: dropout: {checkpoint} has none of {', '.join(DROPOUTS)}")
    return settings


def load_checkpoint(
    auto_class: Any, checkpoint: str | Path, config: PreTrainedConfig
) -> tuple[PreTrainedModel, Report]:
    """Load a folder or hub id as one of transformers' AutoModelFor…, in single precision whatever
    it was stored in, with the configuration that :func:`read_config` gave.

    Whether the model may do with what the checkpoint lacks, is for the caller to say: see
    :func:`refuse_weights`. Raises ArtefactError naming the checkpoint, and weights of another shape
    than the model's.
    """
    try:
        model, report = auto_class.from_pretrained(
            str(checkpoint),
            config=config,
            output_loading_info=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # not ignored: they are named below
        )
    except _UNREADABLE as error:
        raise not_loaded(checkpoint, error) from error
    _refuse_shapes(checkpoint, report.pop("mismatched_keys"))
    report["unexpected_keys"] = {
        name for name in report["unexpected_keys"] if not name.endswith(_BUFFERS)
    }
    return model, report


def refuse_weights(checkpoint: str | Path, lacking: Iterable[str], unknown: Iterable[str]) -> None:
    """Raise ArtefactError where a checkpoint lacks weights, or has some that its model doesn't."""
    problems = [
        f"{verb} {len(names)} weights, as {', '.join(names[:NAMED])}"
        for verb, names in (("lacks", sorted(lacking)), ("has no place for", sorted(unknown)))
        if names
    ]
    if problems:
        raise ArtefactError(f"{checkpoint} is not whole: its model {' and '.join(problems)}")


def _refuse_shapes(
    checkpoint: str | Path, mismatched: Iterable[tuple[str, torch.Size, torch.Size]]
) -> None:
    """`mismatched`: names of weights, the shapes they have and those that the model wants."""
    if found := sorted(mismatched):
        shown = ", ".join(
            f"{name} is {_sizes(has)}, not {_sizes(wants)}" for name, has, wants in found[:NAMED]
        )
        raise ArtefactError(
            f"{checkpoint} does not fit: {len(found)} weights have another shape than its model's:"
            f" {shown}"
        )


def _sizes(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def say_left_out(checkpoint: str | Path, others: Iterable[str]) -> None:
    """Say on standard error which modules of a checkpoint are no part of the model: other heads."""
    if modules := sorted({name.rpartition(".")[0] for name in others}):
        print(f"{checkpoint}: left out, as of other heads: {', '.join(modules)}", file=sys.stderr)


def save_model(model: PreTrainedModel, tokenizer: Tokenizer, folder: Path, **facts: Any) -> None:
    """Write a transformers checkpoint with its tokenizer and a manifest of `facts`, whole or not at
    all.
    """
    with atomic_directory(folder) as temporary:
        write_model(model, tokenizer, temporary, **facts)


def write_model(model: PreTrainedModel, tokenizer: Tokenizer, folder: Path, **facts: Any) -> None:
    """Write the files of a checkpoint, of its tokenizer, and their manifest into a folder, beside
    what is there.
    """
    before = set(folder.iterdir())
    model.save_pretrained(folder)
    write_tokenizer(
        tokenizer,
        folder,
        separators=separators_between(model, tokenizer),
        segments=has_segments(model),
    )
    write_manifest(folder / "manifest.json", sorted(set(folder.iterdir()) - before), **facts)


def lineage_of(checkpoint: str | Path) -> list[dict[str, Any]]:
    """What the manifest of a checkpoint says of the stages that made it, from the first on, each
    with its name as `stage`; nothing of those of others.
    """
    manifest = Path(checkpoint) / "manifest.json"
    return list(read_json(manifest).get("lineage", [])) if manifest.is_file() else []
