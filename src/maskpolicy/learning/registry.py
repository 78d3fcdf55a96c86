"""Trainings of policy networks by their method. A method is a package here, and two lines below.

Importing this module loads nothing heavy.
"""

from pkgutil import resolve_name
from typing import Annotated

from pydantic import Field

from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.selective.specs import SelectiveTraining
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.training.kept_results import KeptResult

NetworkTraining = Annotated[
    SupervisedTraining | MetaTraining | SelectiveTraining, Field(discriminator="method")
]
"""How a network that policies decide with is trained, by its `method`."""

TRAININGS = {
    "supervised": "supervised.training:train_supervised_policy",
    "meta": "meta.training:train_meta_policy",
    "selective": "selective.training:train_selective_policy",
}
"""`method` of the configuration -> module in this package, and function."""


def train_policy(files: PolicyFiles, training: NetworkTraining, seed: int, title: str) -> None:
    """Train the network of a policy as the record `training` of its method says.

    `title` names it in its progress. An interrupted training goes on from `files.state`, if
    settings and inputs are the same; of a finished one the result is taken. No other method's
    training is imported.
    """
    from maskpolicy.sources.base import files_at
    from maskpolicy.training.state import fingerprint

    oracle = getattr(training, "oracle", None)
    inputs = [*files.inputs, *(files_at(oracle) if oracle else [])]
    kept = KeptResult(files.state, fingerprint([training.model_dump(), seed], inputs))
    if kept.take(files.output, title):
        return
    train = resolve_name(f"{__package__}.{TRAININGS[training.method]}")
    train(files, training, seed, title)
    kept.keep(files.output)
