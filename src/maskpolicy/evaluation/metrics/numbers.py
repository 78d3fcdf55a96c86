"""Metrics of the numbers of a whole split: functions of the moments of predictions and answers."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from scipy.stats import rankdata

from maskpolicy.evaluation.metrics.base import SplitMetric, only_answers
from maskpolicy.evaluation.metrics.ratios import correlation_of


def moments(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], labels: Sequence[str] = ()
) -> np.ndarray:
    """The first and second moments of standardised predictions x and answers y: float64 [N, 5].

    x, y, x², y², x y. Standardised, because the randomisation test exchanges predictions of two
    runs, which must not depend on their scales (so do Deutsch, Dror and Roth 2021, "A Statistical
    Analysis of Summarization Evaluation Metrics Using Resampling Methods"). What is not a finite
    number counts as the mean answer; a regression has no `labels`. Raises ValueError for an answer
    that is not a number, or an example that has not exactly one.
    """
    return _moments(*_numbers(predictions, answers))


def rank_moments(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], labels: Sequence[str] = ()
) -> np.ndarray:
    """As :func:`moments`, of the ranks of predictions and answers; equals share their mean rank."""
    return _moments(*map(rankdata, _numbers(predictions, answers)))


def correlation(means: np.ndarray) -> np.ndarray:
    """Pearson correlation by the moments of x and y, [..., 5] -> [...] in [-1, 1]."""
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    return correlation_of(xy - x * y, xx - x * x, yy - y * y)


def _numbers(
    predictions: Sequence[str], answers: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    gold = [_number(answer) for answer in only_answers(answers)]
    if None in gold:
        (answer,) = answers[gold.index(None)]
        raise ValueError(f"a correlation needs answers that are numbers, not {answer!r}")
    y = np.array(gold, np.float64)
    predicted = (_number(prediction) for prediction in predictions)
    return np.array([y.mean() if x is None else x for x in predicted]), y


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


PEARSON = SplitMetric(
    "pearson",
    "Pearson",
    "correlation of predicted and gold numbers",
    "no-number:mean",
    moments,
    correlation,
    citation="Pearson 1895",
)
SPEARMAN = SplitMetric(
    "spearman",
    "Spearman",
    "correlation of their ranks",
    "ties:mean-rank|no-number:mean",
    rank_moments,
    correlation,
    citation="Spearman 1904",
)
