"""Names of metrics, validated, and which runs a table shows; importing this loads nothing heavy."""

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Tag
from pydantic_core import PydanticKnownError

from maskpolicy.evaluation.metrics.registry import METRICS, metrics_of
from maskpolicy.records import JsonRecord


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

PaperFigure = tuple[float, float | None]
"""Mean and standard deviation as a paper prints them: times 100."""

_PrintedOf = Annotated[
    Annotated[PaperFigure, Tag("average")] | Annotated[dict[MetricName, PaperFigure], Tag("task")],
    Discriminator(lambda value: "average" if isinstance(value, list | tuple) else "task"),
]

PRINTED_AVERAGE = "average"
"""The key of a published average among those of tasks; it has one figure and no metrics."""

PaperFigures = dict[str, dict[str, _PrintedOf]]
"""Published figures by arm, task and metric; of the average over tasks by arm alone."""


class TableRow(JsonRecord):
    """A row of a table: an arm after a stage, and its runs on every task with every seed."""

    block: int  # number of the block, whose rows are of one model
    name: str  # unlike those of the other rows of the block
    arm: str
    stage: str  # the intermediate one; `none` is what it starts from
    runs: tuple[str, ...]  # paths of metrics.json
    searches: tuple[str, ...]  # of each run, the search.json that chose its settings
