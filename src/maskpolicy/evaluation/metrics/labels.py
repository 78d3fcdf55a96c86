"""Metrics of the labels of a whole split: F1, Matthews correlation.

None of them is a mean of scores of examples, but each is a function of means: of how often a label
is predicted, is gold, and both (a true positive).
"""

from collections.abc import Sequence

import numpy as np

from maskpolicy.evaluation.metrics.base import SplitMetric, only_answers
from maskpolicy.evaluation.metrics.ratios import correlation_of, divided
from maskpolicy.evaluation.normalisation import normalise_label

POSITIVE = "1"
"""The label whose F1 is that of a binary task; the other one is 0, as in the files of GLUE."""


def label_counts(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], labels: Sequence[str] = ()
) -> np.ndarray:
    """Whether each label is a true positive, predicted, and gold: float64 [N, 3 K].

    The K labels are `labels`, and those of the predictions and answers that are none of them: where
    a task knows its labels, so many for whatever predictions, and no two of them are counted as
    one. They are compared as :func:`normalise_label` writes them. Raises ValueError for an example
    that has not exactly one answer.
    """
    gold_labels = [normalise_label(answer) for answer in only_answers(answers)]
    said = [normalise_label(prediction) for prediction in predictions]
    known = {*map(normalise_label, labels), *gold_labels, *said}
    number = {label: i for i, label in enumerate(sorted(known))}
    one_hot = np.eye(len(number))
    predicted = one_hot[[number[label] for label in said]]
    gold = one_hot[[number[label] for label in gold_labels]]
    return np.concatenate([predicted * gold, predicted, gold], axis=1)


def macro_f1(means: np.ndarray) -> np.ndarray:
    """Mean F1 of the labels of the answers, [..., 3 K] -> [...] in [0, 1].

    The mean of F1 scores, not the F1 of means (Opitz and Burst 2019, "Macro F1 and Macro F1"). A
    label that is predicted and never gold is none to average over: its share would depend on the
    predictions.
    """
    true_positives, predicted, gold = _thirds(means)
    of_answers = gold > 0
    f1 = np.where(of_answers, _f1(true_positives, predicted, gold), 0)
    return divided(f1.sum(axis=-1), of_answers.sum(axis=-1))


def matthews_correlation(means: np.ndarray) -> np.ndarray:
    """Matthews correlation of K labels, [..., 3 K] -> [...] in [-1, 1].

    R_K of Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation
    coefficient", eq. 8; of two labels it is that of Matthews (1975).
    """
    true_positives, predicted, gold = _thirds(means)
    return correlation_of(
        true_positives.sum(axis=-1) - (predicted * gold).sum(axis=-1),
        1 - (predicted**2).sum(axis=-1),
        1 - (gold**2).sum(axis=-1),
    )


def positive_counts(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], labels: Sequence[str] = ()
) -> np.ndarray:
    """Whether POSITIVE is a true positive, predicted, and gold: float64 [N, 3].

    `labels` don't matter. Raises ValueError for an answer that is not 0 or 1, for then it is not
    known what is positive.
    """
    gold_labels = [normalise_label(answer) for answer in only_answers(answers)]
    other = next((label for label in gold_labels if label not in ("0", POSITIVE)), None)
    if other is not None:
        raise ValueError(f"the F1 of a binary task needs the labels 0 and 1, not {other!r}")
    predicted = np.array([normalise_label(text) == POSITIVE for text in predictions], np.float64)
    gold = np.array([label == POSITIVE for label in gold_labels], np.float64)
    return np.stack([predicted * gold, predicted, gold], axis=1)


def binary_f1(means: np.ndarray) -> np.ndarray:
    """F1 of POSITIVE, [..., 3] -> [...] in [0, 1]."""
    return _f1(means[..., 0], means[..., 1], means[..., 2])


def _thirds(means: np.ndarray) -> np.ndarray:
    """[..., 3 L] -> [3, ..., L]."""
    return np.stack(np.split(means, 3, axis=-1))


def _f1(true_positives: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    # 2 P R / (P + R), without the two divisions that can be by zero.
    return divided(2 * true_positives, predicted + gold)


MACRO_F1 = SplitMetric(
    "macro_f1",
    "macro-F1",
    "mean F1 of the labels",
    "norm:case+space|labels:of-answers",
    label_counts,
    macro_f1,
    citation="Opitz and Burst 2019",
)
BINARY_F1 = SplitMetric(
    "binary_f1",
    "F1",
    f"F1 of the label {POSITIVE}; the other one is 0",
    f"norm:case+space|positive:{POSITIVE}",
    positive_counts,
    binary_f1,
    citation="van Rijsbergen 1979",
)
MCC = SplitMetric(
    "mcc",
    "MCC",
    "Matthews correlation of predicted and gold labels",
    "norm:case+space|labels:of-task",
    label_counts,
    matthews_correlation,
    citation="Matthews 1975; Gorodkin 2004",
)
