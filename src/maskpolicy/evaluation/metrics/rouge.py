"""ROUGE F1 of summaries (Lin 2004), by Google's package."""

from collections.abc import Callable
from functools import cache
from typing import Any

from maskpolicy.evaluation.metrics.base import ExampleMetric


def rouge(kind: str) -> Callable[[str, str], float]:
    """The function (prediction, answer) -> F1 of one of the package's kinds."""

    def match(prediction: str, answer: str) -> float:
        return float(_scorer(kind).score(answer, prediction)[kind].fmeasure)

    return match


@cache
def _scorer(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # brings nltk with it: two seconds

    return RougeScorer([kind], use_stemmer=True)


ROUGE_1 = ExampleMetric(
    "rouge1",
    "R1",
    "words shared with the summary",
    "f1|stem:porter",
    rouge("rouge1"),
    "rouge-score",
    citation="Lin 2004",
)
ROUGE_2 = ExampleMetric(
    "rouge2",
    "R2",
    "pairs of words shared",
    "f1|stem:porter",
    rouge("rouge2"),
    "rouge-score",
    citation="Lin 2004",
)
# Summary level, one sentence a line: the papers' ROUGE-L. Sentence-level ROUGE-L reads about ten
# points lower on CNN/DailyMail.
ROUGE_LSUM = ExampleMetric(
    "rougeLsum",
    "RL",
    "longest common subsequences of sentences, a sentence a line",
    "f1|stem:porter|sentences:lines",
    rouge("rougeLsum"),
    "rouge-score",
    citation="Lin 2004",
)
