"""Metrics of a predicted string against its acceptable answers, each with a signature.

A metric scores one example in [0, 1]; the score of a run is the mean over all its examples. An
empty prediction scores 0 and counts. With several acceptable answers the best one counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from maskpolicy.evaluation.normalisation import normalise_answer, normalise_label


@dataclass(frozen=True)
class Metric:
    """A named metric.

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


def score(metric: str, prediction: str, answers: Sequence[str]) -> float:
    """The score of one prediction in [0, 1], the best over `answers`; an empty prediction scores 0.

    Raises ValueError for an unknown metric or an example without answers.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    if not answers:
        raise ValueError("an example without acceptable answers can't be scored")
    if not prediction.strip():
        return 0.0
    return max(METRICS[metric].match(prediction, answer) for answer in answers)


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


METRICS = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("exact_match", "EM", "norm:dpr", _exact_match),
            Metric("token_f1", "F1", "norm:dpr", _token_f1),
            Metric("accuracy", "Acc.", "norm:case+space", _accuracy),
            Metric("rouge1", "R1", "f1|stem:porter", _rouge("rouge1"), "rouge-score"),
            Metric("rouge2", "R2", "f1|stem:porter", _rouge("rouge2"), "rouge-score"),
            # Summary level, one sentence a line: the papers' ROUGE-L. Sentence-level ROUGE-L reads
            # about ten points lower on CNN/DailyMail.
            Metric(
                "rougeLsum",
                "RL",
                "f1|stem:porter|sentences:lines",
                _rouge("rougeLsum"),
                "rouge-score",
            ),
        )
    }
)
"""Every metric by name."""
