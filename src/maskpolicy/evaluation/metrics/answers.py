"""Metrics of short answers: exact match, F1 of words, accuracy."""

from collections import Counter

from maskpolicy.evaluation.metrics.base import ExampleMetric
from maskpolicy.evaluation.normalisation import normalise_answer, normalise_label


def exact_match(prediction: str, answer: str) -> float:
    """Whether both are the same, once normalised."""
    return float(normalise_answer(prediction) == normalise_answer(answer))


def token_f1(prediction: str, answer: str) -> float:
    """F1 of the multisets of words (Rajpurkar et al. 2016)."""
    predicted = Counter(normalise_answer(prediction).split())
    gold = Counter(normalise_answer(answer).split())
    common = (predicted & gold).total()
    return 2 * common / (predicted.total() + gold.total()) if common else 0.0


def accuracy(prediction: str, answer: str) -> float:
    """Whether both are the same label, in whatever case and spacing."""
    return float(normalise_label(prediction) == normalise_label(answer))


EXACT_MATCH = ExampleMetric(
    "exact_match", "EM", "the answer without articles and punctuation", "norm:dpr", exact_match
)
TOKEN_F1 = ExampleMetric("token_f1", "F1", "words shared with the answer", "norm:dpr", token_f1)
ACCURACY = ExampleMetric("accuracy", "Acc.", "the label as it is", "norm:case+space", accuracy)
