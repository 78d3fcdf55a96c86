"""Metrics of a whole split: F1 of labels, Matthews correlation, Pearson and Spearman correlation.

None of them is a mean of scores of examples, but each is a function of means: of how often a label
is predicted, expected and met, or of the moments of two numbers. So every metric here is a pair of
functions: the statistics of the examples, float64 [N, M], and the score of their means. Such means
can be taken over any sample of examples at the cost of a matrix product, as the randomisation test
does. Where a score is undefined (0 / 0: a constant prediction, a label that is nowhere) it is 0.
"""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from scipy.stats import rankdata

from maskpolicy.evaluation.normalisation import normalise_label

POSITIVE = "1"
"""The label whose F1 is that of a binary task; the other one is 0, as in the files of GLUE."""

_NOTHING = 1e-9  # shares and variances below it are zero but for rounding


def label_counts(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """Whether each label is predicted rightly, predicted, and expected: float64 [N, 3 (K + 1)].

    The K labels are those of the answers; what is predicted but is no such label counts as one
    more. Labels are compared as :func:`normalise_label` writes them. Raises ValueError for an
    example that has not exactly one answer.
    """
    expected = [normalise_label(answer) for answer in _only(answers)]
    number = {label: i for i, label in enumerate(sorted(set(expected)))}
    one_hot = np.eye(len(number) + 1)
    told = one_hot[[number.get(normalise_label(text), len(number)) for text in predictions]]
    true = one_hot[[number[label] for label in expected]]
    return np.concatenate([told * true, told, true], axis=1)


def macro_f1(means: np.ndarray) -> np.ndarray:
    """Mean F1 of the labels of the answers, [..., 3 (K + 1)] -> [...] in [0, 1].

    The mean of F1 scores, not the F1 of means (Opitz and Burst 2019, "Macro F1 and Macro F1").
    """
    met, told, true = _thirds(means)
    return _f1(met, told, true)[..., :-1].mean(axis=-1)


def matthews_correlation(means: np.ndarray) -> np.ndarray:
    """Matthews correlation of K labels, [..., 3 (K + 1)] -> [...] in [-1, 1].

    R_K of Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation
    coefficient", eq. 8; of two labels it is that of Matthews (1975).
    """
    met, told, true = _thirds(means)
    return _correlation(
        met.sum(axis=-1) - (told * true).sum(axis=-1),
        1 - (told**2).sum(axis=-1),
        1 - (true**2).sum(axis=-1),
    )


def positive_counts(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """Whether POSITIVE is predicted rightly, predicted, and expected: float64 [N, 3].

    Raises ValueError for an answer that is not 0 or 1, for then it is not known what is positive.
    """
    expected = [normalise_label(answer) for answer in _only(answers)]
    other = next((label for label in expected if label not in ("0", POSITIVE)), None)
    if other is not None:
        raise ValueError(f"the F1 of a binary task needs the labels 0 and 1, not {other!r}")
    told = np.array([normalise_label(text) == POSITIVE for text in predictions], np.float64)
    true = np.array([label == POSITIVE for label in expected], np.float64)
    return np.stack([told * true, told, true], axis=1)


def binary_f1(means: np.ndarray) -> np.ndarray:
    """F1 of POSITIVE, [..., 3] -> [...] in [0, 1]."""
    return _f1(means[..., 0], means[..., 1], means[..., 2])


def moments(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """The first and second moments of standardised predictions x and answers y: float64 [N, 5].

    x, y, x², y², x y. Standardised, because the randomisation test exchanges predictions of two
    runs, which must not depend on their scales (so do Deutsch, Dror and Roth 2021, "A Statistical
    Analysis of Summarization Evaluation Metrics Using Resampling Methods"). What is not a finite
    number counts as the mean answer. Raises ValueError for an answer that is not a number, or an
    example that has not exactly one.
    """
    return _moments(*_numbers(predictions, answers))


def rank_moments(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """As :func:`moments`, of the ranks of predictions and answers; equals share their mean rank."""
    return _moments(*map(rankdata, _numbers(predictions, answers)))


def correlation(means: np.ndarray) -> np.ndarray:
    """Pearson correlation by the moments of x and y, [..., 5] -> [...] in [-1, 1]."""
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    return _correlation(xy - x * y, xx - x * x, yy - y * y)


def _only(answers: Sequence[Sequence[str]]) -> list[str]:
    for some in answers:
        if len(some) != 1:
            raise ValueError(f"a metric of a whole split needs one answer an example: {some!r}")
    return [answer for (answer,) in answers]


def _numbers(
    predictions: Sequence[str], answers: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    expected = [_number(answer) for answer in _only(answers)]
    if None in expected:
        (answer,) = answers[expected.index(None)]
        raise ValueError(f"a correlation needs answers that are numbers, not {answer!r}")
    y = np.array(expected, np.float64)
    told = (_number(prediction) for prediction in predictions)
    return np.array([y.mean() if x is None else x for x in told]), y


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _moments(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = _standardised(x), _standardised(y)
    return np.stack([x, y, x * x, y * y, x * y], axis=1)


def _standardised(values: np.ndarray) -> np.ndarray:
    if np.ptp(values) == 0:
        return np.zeros(len(values))
    return (values - values.mean()) / values.std()


def _thirds(means: np.ndarray) -> np.ndarray:
    """[..., 3 L] -> [3, ..., L]."""
    return np.stack(np.split(means, 3, axis=-1))


def _f1(met: np.ndarray, told: np.ndarray, true: np.ndarray) -> np.ndarray:
    # 2 P R / (P + R), without the two divisions that can be by zero.
    return _divided(2 * met, told + true)


def _correlation(covariance: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of a covariance and two variances; rounding must not take it out of [-1, 1]."""
    constant = np.minimum(first, second) < _NOTHING
    scale = np.sqrt(np.where(constant, 0, first * second))
    return np.clip(_divided(covariance, scale), -1, 1)


def _divided(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    defined = denominator > _NOTHING
    return np.where(defined, numerator / np.where(defined, denominator, 1), 0)
