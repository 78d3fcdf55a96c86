"""Every metric by its name; importing this module loads nothing heavy."""

from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from maskpolicy.evaluation.metrics.base import Metric

Scored = Literal["answers", "choices", "label", "number"]
"""What a metric scores: a text with acceptable answers, the likeliest of an example's choices, a
label, or a number."""

METRICS: MappingProxyType[str, tuple[tuple[Scored, ...], str]] = MappingProxyType(
    {
        "exact_match": (("answers",), "answers:EXACT_MATCH"),
        "token_f1": (("answers",), "answers:TOKEN_F1"),
        "accuracy": (("answers", "label"), "answers:ACCURACY"),
        "choice_accuracy": (("choices",), "choices:CHOICE_ACCURACY"),
        "choice_accuracy_norm": (("choices",), "choices:CHOICE_ACCURACY_NORM"),
        "rouge1": (("answers",), "rouge:ROUGE_1"),
        "rouge2": (("answers",), "rouge:ROUGE_2"),
        "rougeLsum": (("answers",), "rouge:ROUGE_LSUM"),
        "macro_f1": (("label",), "labels:MACRO_F1"),
        "binary_f1": (("label",), "labels:BINARY_F1"),
        "mcc": (("label",), "labels:MCC"),
        "pearson": (("number",), "numbers:PEARSON"),
        "spearman": (("number",), "numbers:SPEARMAN"),
    }
)
"""Name -> what it scores, and where it is in this package, imported only when it is used."""


def find_metric(name: str) -> "Metric":
    """The metric of a name. Raises ValueError for an unknown one."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    _, place = METRICS[name]
    return resolve_name(f"{__package__}.{place}")


def metrics_of(*scored: Scored) -> list[str]:
    """The names of the metrics that score one of these."""
    return [name for name, (kinds, _) in METRICS.items() if set(kinds) & set(scored)]


def describe_metrics() -> list[tuple[str, str, str, str]]:
    """(name, what it scores, how, citation) of every metric."""
    rows = []
    for name, (kinds, _) in METRICS.items():
        metric = find_metric(name)
        how = f"{metric.label}: {metric.about} ({metric.settings})"
        rows.append((name, ", ".join(kinds), how, metric.citation))
    return rows
