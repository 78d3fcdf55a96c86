"""Who pre-trains: trainers by name. Another backend is one more module and one more line here."""

from importlib import import_module

from maskpolicy.training.trainers.base import Trainer

TRAINERS = {"native": "native:pretrain_natively"}
"""Name -> module in this package, and function."""

DEFAULT = "native"
"""This package's own loop."""


def load_trainer(name: str = DEFAULT) -> Trainer:
    """The trainer of that name; no other one is imported."""
    module, _, function = TRAINERS[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), function)
