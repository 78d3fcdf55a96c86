"""Metrics of short answers: exact match, F1 of words, accuracy.

Exact match and F1 are `compute_exact` and `compute_f1` of SQuAD 2.0's evaluate-v2.0.py, best over
all answers. What is nothing but articles and punctuation is no word there, nor is an empty
prediction: two such are the same answer, and share nothing with any other.
"""

from collections import Counter

from maskpolicy.evaluation.metrics.base import ExampleMetric
from maskpolicy.evaluation.normalisation import normalise_answer, normalise_label


def exact_match(prediction: str, answer: str) -> float:
    """Whether both are the same, once normalised."""
    return float(normalise_answer(prediction) == normalise_answer(answer))


def token_f1(prediction: str, answer: str) -> float:
    """F1 of the multisets of words; without words on either side, whether there are none on both.

    F1 is that of Rajpurkar et al. 2016, and the rest of Rajpurkar et al. 2018 (SQuAD 2.0).
    """
    predicted = Counter(normalise_answer(prediction).split())
    gold = Counter(normalise_answer(answer).split())
    if not predicted or not gold:
        return float(predicted == gold)
    return 2 * (predicted & gold).total() / (predicted.total() + gold.total())


def accuracy(prediction: str, answer: str) -> float:
    """Whether both are the same label, in whatever case and spacing."""
    return float(normalise_label(prediction) == normalise_label(answer))


EXACT_MATCH = ExampleMetric(
    "exact_match",
    "EM",
    "the answer without articles and punctuation",
    "norm:dpr|empty:squad2.0",
    exact_match,
    citation="Rajpurkar et al. 2016; Karpukhin et al. 2020",
)
TOKEN_F1 = ExampleMetric(
    "token_f1",
    "F1",
    "words shared with the answer",
    "norm:dpr|empty:squad2.0",
    token_f1,
    citation="Rajpurkar et al. 2016; Rajpurkar et al. 2018",
)
ACCURACY = ExampleMetric(
    "accuracy",
    "Acc.",
    "the label as it is",
    "norm:case+space",
    accuracy,
    citation="Manning, Raghavan and Schütze 2008",
)
