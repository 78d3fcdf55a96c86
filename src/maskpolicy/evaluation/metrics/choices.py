"""Metrics of multiple choice: whether the likeliest choice is acceptable.

A model is not asked to write anything: each choice has the log-likelihood of its tokens, EOS
included, given the source. The two rules are `acc` and `acc_norm` of lm-evaluation-harness (Gao et
al. 2024); a fine-tuned model has learnt where answers end, so there the first is the probability
that it writes the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from maskpolicy.evaluation.metrics.base import ExampleMetric


def same_choice(chosen: str, answer: str) -> float:
    """Whether they are the same text, to the letter: choices may differ in little."""
    return float(chosen == answer)


@dataclass(frozen=True)
class ChoiceMetric(ExampleMetric):
    """A metric of the likeliest of the choices of single examples."""

    by_length: bool = field(kw_only=True)
    """Whether a log-likelihood is divided by the choice's characters, so that long ones lose
    nothing."""

    decoded: ClassVar[bool] = False

    def chosen(self, choices: Sequence[Mapping[str, float]]) -> list[str]:
        """The likeliest of each example's choices, of equals the first.

        `choices` are the log-likelihoods of their texts. Raises ValueError for an example without.
        """
        if not choices or not all(choices):
            raise ValueError(f"{self.name} needs examples with choices")
        return [max(some, key=lambda text: self._weight(text, some[text])) for some in choices]

    def _weight(self, text: str, log_likelihood: float) -> float:
        return log_likelihood / max(1, len(text)) if self.by_length else log_likelihood


CHOICE_ACCURACY = ChoiceMetric(
    "choice_accuracy",
    "Choice",
    "the likeliest choice as it is",
    "choice:log-likelihood|tokens:choice+eos",
    same_choice,
    by_length=False,
    citation="Gao et al. 2024",
)
CHOICE_ACCURACY_NORM = ChoiceMetric(
    "choice_accuracy_norm",
    "Choice (norm.)",
    "the likeliest choice by its characters",
    "choice:log-likelihood/characters|tokens:choice+eos",
    same_choice,
    by_length=True,
    citation="Gao et al. 2024",
)
