"""Who pre-trains: trainers by name. Another backend is one more module and one more line here."""

from pkgutil import resolve_name

from maskpolicy.training.trainers.base import Trainer

TRAINERS = {"native": "native:pretrain_natively"}
"""Name -> module in this package, and function."""

DEFAULT = "native"
"""This package's own loop."""


def load_trainer(name: str = DEFAULT) -> Trainer:
    """The trainer of that name; no other one is imported."""
    return resolve_name(f"{__name__}.{TRAINERS[name]}")
