"""Who pre-trains: trainers by name. Another backend is one more module, and a line of TRAINERS."""

from pkgutil import resolve_name

from maskpolicy.training.specs import DEFAULT_TRAINER, TRAINERS
from maskpolicy.training.trainers.base import Trainer


def load_trainer(name: str = DEFAULT_TRAINER) -> Trainer:
    """The trainer of that name; no other one is imported."""
    return resolve_name(f"{__name__}.{TRAINERS[name]}")
