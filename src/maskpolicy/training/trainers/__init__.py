"""Who pre-trains: trainers by name. Another backend is one more module, and a line of TRAINERS."""

from importlib import import_module

from maskpolicy.training.specs import DEFAULT_TRAINER, TRAINERS
from maskpolicy.training.trainers.base import Trainer


def load_trainer(name: str = DEFAULT_TRAINER) -> Trainer:
    """The trainer of that name; no other one is imported."""
    module, _, function = TRAINERS[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), function)
