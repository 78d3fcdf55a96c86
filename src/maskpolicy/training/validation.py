"""Training that is scored on dev on its way, so that the best weights are kept."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from time import monotonic

from transformers import PreTrainedModel

from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, StepLoss, TrainingBatch
from maskpolicy.training.specs import Training
from maskpolicy.training.state import Saving, State
from maskpolicy.training.step_log import StepLog


@dataclass(frozen=True)
class Validation:
    """The score on dev after so many steps, and the mean loss and the seconds since the last."""

    steps: int
    loss: float
    dev: float
    seconds: float = field(compare=False)


def best_validation(validations: Sequence[Validation]) -> int:
    """The number, from 1, of the one with the best dev score; the first of equals."""
    return 1 + max(range(len(validations)), key=lambda i: validations[i].dev)


class ValidatedLearner(BatchLearner):
    """A model that is scored on dev now and then, and ends where that gains no more."""

    def __init__(
        self,
        title: str,
        model: PreTrainedModel,
        batches: Iterable[TrainingBatch],
        *,
        training: Training,
        seed: int,
        step_loss: StepLoss,
        dev_score: Callable[[], float],
        log: StepLog | None = None,
    ) -> None:
        super().__init__(
            title,
            model,
            lambda step: islice(batches, step, None),
            optimisation=training.optimisation,
            learning_rate=training.learning_rate,
            seed=seed,
            step_loss=step_loss,
            examples_at_once=training.examples_at_once,
            log=log,
        )
        self.validate_every, self.patience = training.validate_every, training.patience
        self.dev_score = dev_score
        self.validations: list[Validation] = []
        self._started = monotonic()

    def evaluate(self, done: int) -> float | None:
        """The dev score, where one is due; the last step has one."""
        if self.validate_every is None or (done % self.validate_every and done < self.steps):
            return None
        began = monotonic()
        score = self.dev_score()
        self._logged_at += monotonic() - began  # which is no time of training
        self.model.train()
        losses = self.losses[self.validations[-1].steps if self.validations else 0 :]
        seconds = monotonic() - self._started
        self.validations.append(Validation(done, sum(losses) / len(losses), score, seconds))
        self._started = monotonic()
        if self.log is not None:
            self.log.write({"step": done, "dev": score})
        return score

    def ended(self) -> bool:
        """Whether the patience is at its end."""
        if self.patience is None or not self.validations:
            return False
        best = best_validation(self.validations)
        if len(self.validations) - best < self.patience:
            return False
        print(
            f"{self.title}: ends after step {self.validations[-1].steps:,}; its best dev score is"
            f" that of step {self.validations[best - 1].steps:,}",
            file=sys.stderr,
        )
        return True

    def memory(self) -> State:
        """What any batch learner remembers, the validations, and the seconds since the last one."""
        memory = super().memory()
        validations = [asdict(validation) for validation in self.validations]
        seconds = monotonic() - self._started
        return State(memory.tensors, memory.facts | {"validations": validations, "since": seconds})

    def recall(self, memory: State) -> None:
        """Losses, tokens and validations as they were."""
        super().recall(memory)
        self.validations = [Validation(**each) for each in memory.facts["validations"]]
        self._started = monotonic() - memory.facts["since"]


def train_validated(
    model: PreTrainedModel,
    batches: Iterable[TrainingBatch],
    training: Training,
    *,
    step_loss: StepLoss,
    dev_score: Callable[[], float],
    seed: int,
    title: str,
    saving: Saving | None = None,
    finish: bool = False,
    log: StepLog | None = None,
) -> list[Validation]:
    """Fine-tune `model` in place, and leave it with its best weights on dev, or where it is never
    scored with the last ones.

    `dev_score` scores the model as it is, the higher the better; the first of equals is kept. For
    `saving` and `finish` see :func:`fit`; `log` gets the dev scores, too. Raises Diverged when the
    loss is no longer finite.
    """
    learner = ValidatedLearner(
        title,
        model,
        batches,
        training=training,
        seed=seed,
        step_loss=step_loss,
        dev_score=dev_score,
        log=log,
    )
    fit(learner, saving, finish=finish)
    model.eval()
    return learner.validations
