"""Checkpoints: folders that transformers writes and anyone's from_pretrained loads."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import ArtefactError

# transformers announces every checkpoint it reads or writes and every head that it makes anew; the
# stages have their own progress, and say what matters of a head.
logging.set_verbosity_error()
logging.disable_progress_bar()

Report = dict[str, set[str]]
"""Names of weights: those that the checkpoint lacks, `missing_keys`, and those that the model has
no use for, `unexpected_keys`.
"""

_UNREADABLE = (OSError, ValueError, RuntimeError, SafetensorError)


def read_config(checkpoint: str | Path) -> PreTrainedConfig:
    """The configuration of a folder or hub id. Raises ArtefactError naming it."""
    try:
        return AutoConfig.from_pretrained(str(checkpoint))
    except _UNREADABLE as error:
        raise ArtefactError(f"cannot load the model {checkpoint}: {error}") from error


def load_checkpoint(
    auto_class: Any, checkpoint: str | Path, **settings: Any
) -> tuple[PreTrainedModel, Report]:
    """Load a folder or hub id as one of transformers' AutoModelFor… in single precision.

    `settings` replace those of its configuration. Raises ArtefactError naming the checkpoint.
    """
    try:
        return auto_class.from_pretrained(
            str(checkpoint), output_loading_info=True, dtype=torch.float32, **settings
        )
    except _UNREADABLE as error:
        raise ArtefactError(f"cannot load the model {checkpoint}: {error}") from error


def save_model(model: PreTrainedModel, folder: Path, **facts: Any) -> None:
    """Write a transformers checkpoint with a manifest of `facts`, whole or not at all."""
    with atomic_directory(folder) as temporary:
        write_model(model, temporary, **facts)


def write_model(model: PreTrainedModel, folder: Path, **facts: Any) -> None:
    """Write the files of a checkpoint and their manifest into a folder, beside what is there."""
    before = set(folder.iterdir())
    model.save_pretrained(folder)
    write_manifest(folder / "manifest.json", sorted(set(folder.iterdir()) - before), **facts)
