"""Metrics of predicted strings against their acceptable answers, each with a signature.

There are two kinds. A metric of examples scores each one in [0, 1], an empty prediction with 0, and
with several acceptable answers the best one counts; the score of a split is the mean. A metric of a
whole split has no scores of examples. Both have the same interface: the statistics of every example
and the score of their means (see :mod:`maskpolicy.evaluation.split_metrics`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import numpy as np

from maskpolicy.evaluation import split_metrics
from maskpolicy.evaluation.normalisation import normalise_answer, normalise_label


@dataclass(frozen=True)
class ExampleMetric:
    """A named metric of single examples.

    `label` heads its column in tables; `settings` says how the score is made, in the manner of
    sacrebleu (Post 2018), so that two figures can be compared only when their signatures agree.
    """

    name: str
    label: str
    settings: str
    match: Callable[[str, str], float]
    """(prediction, one acceptable answer) -> score in [0, 1]."""
    package: str | None = None

    @property
    def signature(self) -> str:
        """Name, settings and version, separated by `|`."""
        made_by = f"{self.package}:{version(self.package)}" if self.package else "version:1"
        return f"{self.name}|{self.settings}|answers:max|{made_by}"

    def score_example(self, prediction: str, answers: Sequence[str]) -> float:
        """The score of one prediction in [0, 1], the best over `answers`; 0 for an empty one.

        Raises ValueError for an example without answers.
        """
        if not answers:
            raise ValueError("an example without acceptable answers can't be scored")
        if not prediction.strip():
            return 0.0
        return max(self.match(prediction, answer) for answer in answers)

    def statistics(
        self, predictions: Sequence[str], answers: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """The score of every example, float64 [N, 1]. Raises as :meth:`score_example`."""
        pairs = zip(predictions, answers, strict=True)
        return np.array([[self.score_example(p, a)] for p, a in pairs], np.float64).reshape(-1, 1)

    def score(self, means: np.ndarray) -> np.ndarray:
        """The score of a split by the means of its statistics, [..., 1] -> [...] in [0, 1]."""
        return means[..., 0]


@dataclass(frozen=True)
class SplitMetric:
    """A named metric of a whole split, of examples with one answer each; 0 where undefined.

    `label` and `settings` are as in :class:`ExampleMetric`.
    """

    name: str
    label: str
    settings: str
    statistics: Callable[[Sequence[str], Sequence[Sequence[str]]], np.ndarray]
    """(N predictions, N lists of one answer) -> float64 [N, M]; ValueError for other answers."""
    score: Callable[[np.ndarray], np.ndarray]
    """Means of statistics, float64 [..., M] -> scores [...], of correlations in [-1, 1]."""

    @property
    def signature(self) -> str:
        """Name, settings and version, separated by `|`."""
        return f"{self.name}|{self.settings}|version:1"


Metric = ExampleMetric | SplitMetric


def find_metric(name: str) -> Metric:
    """The metric of a name. Raises ValueError for an unknown one."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    return METRICS[name]


def _exact_match(prediction: str, answer: str) -> float:
    return float(normalise_answer(prediction) == normalise_answer(answer))


def _token_f1(prediction: str, answer: str) -> float:
    # F1 of the multisets of words (Rajpurkar et al. 2016).
    predicted = Counter(normalise_answer(prediction).split())
    expected = Counter(normalise_answer(answer).split())
    common = (predicted & expected).total()
    return 2 * common / (predicted.total() + expected.total()) if common else 0.0


def _accuracy(prediction: str, answer: str) -> float:
    return float(normalise_label(prediction) == normalise_label(answer))


def _rouge(kind: str) -> Callable[[str, str], float]:
    def match(prediction: str, answer: str) -> float:
        return float(_rouge_scorer(kind).score(answer, prediction)[kind].fmeasure)

    return match


@cache
def _rouge_scorer(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # brings nltk with it: two seconds

    return RougeScorer([kind], use_stemmer=True)


METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            ExampleMetric("exact_match", "EM", "norm:dpr", _exact_match),
            ExampleMetric("token_f1", "F1", "norm:dpr", _token_f1),
            ExampleMetric("accuracy", "Acc.", "norm:case+space", _accuracy),
            ExampleMetric("rouge1", "R1", "f1|stem:porter", _rouge("rouge1"), "rouge-score"),
            ExampleMetric("rouge2", "R2", "f1|stem:porter", _rouge("rouge2"), "rouge-score"),
            # Summary level, one sentence a line: the papers' ROUGE-L. Sentence-level ROUGE-L reads
            # about ten points lower on CNN/DailyMail.
            ExampleMetric(
                "rougeLsum",
                "RL",
                "f1|stem:porter|sentences:lines",
                _rouge("rougeLsum"),
                "rouge-score",
            ),
            SplitMetric(
                "macro_f1",
                "macro-F1",
                "norm:case+space|labels:of-answers",
                split_metrics.label_counts,
                split_metrics.macro_f1,
            ),
            SplitMetric(
                "binary_f1",
                "F1",
                f"norm:case+space|positive:{split_metrics.POSITIVE}",
                split_metrics.positive_counts,
                split_metrics.binary_f1,
            ),
            SplitMetric(
                "mcc",
                "MCC",
                "norm:case+space|labels:of-answers+other",
                split_metrics.label_counts,
                split_metrics.matthews_correlation,
            ),
            SplitMetric(
                "pearson",
                "Pearson",
                "no-number:mean",
                split_metrics.moments,
                split_metrics.correlation,
            ),
            SplitMetric(
                "spearman",
                "Spearman",
                "ties:mean-rank|no-number:mean",
                split_metrics.rank_moments,
                split_metrics.correlation,
            ),
        )
    }
)
"""Every metric by name."""
