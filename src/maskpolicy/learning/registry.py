"""Trainings of learned policies by their method. A method is a package here and a line below."""

from importlib import import_module
from typing import Any

from maskpolicy.learning.files import PolicyFiles

TRAININGS = {
    "supervised": "supervised.training:train_supervised_policy",
    "meta": "meta.training:train_meta_policy",
    "selective": "selective.training:train_selective_policy",
}
"""`method` of the configuration -> module in this package, and function."""


def train_policy(files: PolicyFiles, training: Any, seed: int, title: str) -> None:
    """Train the network of a policy as the record `training` of its method says.

    `title` names it in its progress. An interrupted training goes on from `files.state`, if
    settings and inputs are the same. No other method's training is imported.
    """
    module, _, function = TRAININGS[training.method].partition(":")
    train = getattr(import_module(f"maskpolicy.learning.{module}"), function)
    train(files, training, seed, title)
