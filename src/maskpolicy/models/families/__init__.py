"""Model families: what reads the rendered examples and is fine-tuned on tasks, one module each.

A family is an entry of FAMILIES in :mod:`maskpolicy.models.specs` and a module here with a `FAMILY`
(see :class:`maskpolicy.models.families.base.ModelFamily`).
"""

from importlib import import_module
from pathlib import Path

from transformers import PreTrainedModel

from maskpolicy.models.checkpoints import read_config
from maskpolicy.models.families.base import ModelFamily
from maskpolicy.models.specs import FAMILIES, Family

_KEY = "maskpolicy_family"
"""In the config.json of a checkpoint; transformers keeps keys that it doesn't know."""


def find(name: Family) -> ModelFamily:
    """The family of that name, whose module is imported when it is first asked for."""
    return import_module(f"{__name__}.{FAMILIES[name].module}").FAMILY


def of_checkpoint(checkpoint: str | Path) -> ModelFamily:
    """The family that a folder or hub id belongs to. Raises ArtefactError when it can't be read.

    A checkpoint of this package says it itself (see :func:`mark`); another one belongs to the first
    family that is an encoder-decoder, or is not, as it is.
    """
    config = read_config(checkpoint)
    alike = (
        name
        for name, traits in FAMILIES.items()
        if traits.encoder_decoder == config.is_encoder_decoder
    )
    return find(getattr(config, _KEY, None) or next(alike))


def mark(model: PreTrainedModel, family: Family) -> None:
    """Let the config.json of the model, and of all that is trained from it, name its family."""
    setattr(model.config, _KEY, family)
