"""Training on batches that a test makes."""

from itertools import islice

from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, TrainingHistory


def train(
    model, batches, optimisation, *, learning_rate, step_loss, seed=0, **settings
) -> TrainingHistory:
    """Train `model` in place, and return what was done."""
    learner = BatchLearner(
        "t",
        model,
        lambda step: islice(batches, step, None),
        optimisation=optimisation,
        learning_rate=learning_rate,
        seed=seed,
        step_loss=step_loss,
        **settings,
    )
    fit(learner)
    return learner.history()
