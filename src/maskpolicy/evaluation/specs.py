"""Names of metrics, validated; importing this module loads nothing heavy."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticKnownError

from maskpolicy.evaluation.metrics.registry import METRICS, metrics_of


def _one_of(names: list[str]) -> AfterValidator:
    """Refuse other names, as a Literal of them would."""
    *others, last = map(repr, names)

    def check(name: str) -> str:
        if name not in names:
            raise PydanticKnownError(
                "literal_error", {"expected": f"{', '.join(others)} or {last}"}
            )
        return name

    return AfterValidator(check)


MetricName = Annotated[str, _one_of(list(METRICS))]
"""Any metric."""

AnswerMetric = Annotated[str, _one_of(metrics_of("answers", "choices"))]
"""Metrics of texts, each with one or several acceptable answers, or of one of several choices."""

ClassMetric = Annotated[str, _one_of(metrics_of("label", "number"))]
"""Metrics of labels or of numbers, one an example."""
