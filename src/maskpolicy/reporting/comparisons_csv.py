"""Every number of the comparisons of a result table as rows of a CSV file."""

from collections.abc import Callable, Iterator

from maskpolicy.reporting.view import BlockView, TableView
from maskpolicy.statistics.aggregates import Aggregate
from maskpolicy.statistics.comparisons import Comparison

OVER_TASKS = "(over tasks)"
"""Stands for a column in rows of what is said of all tasks together."""

_ABOUT: dict[str, Callable[[Comparison], object]] = {
    "outcome": lambda each: each.outcome,
    "difference": lambda each: _points(each.difference),
    "low": lambda each: _bound(each.interval, 0, _points),
    "high": lambda each: _bound(each.interval, 1, _points),
    "t": lambda each: each.t,
    "degrees": lambda each: each.degrees,
    "p": lambda each: each.p,
    "p Holm": lambda each: each.p_holm,
    "p Dunnett": lambda each: each.p_dunnett,
    "p sign flip": lambda each: each.p_sign_flip,
    "p seeds": lambda each: each.p_seeds,
    "p examples": lambda each: each.p_examples,
    "p clusters": lambda each: each.p_clusters,
    "bootstrap low": lambda each: each.bootstrap and _points(each.bootstrap.interval[0]),
    "bootstrap high": lambda each: each.bootstrap and _points(each.bootstrap.interval[1]),
    "bootstrap error": lambda each: each.bootstrap and _points(each.bootstrap.error),
    "bootstrap error of examples": lambda each: (
        each.bootstrap and _points(each.bootstrap.examples_error)
    ),
    "bootstrap p": lambda each: each.bootstrap and each.bootstrap.p,
    "bootstrap degrees": lambda each: each.bootstrap and each.bootstrap.degrees,
    "bootstrap of": lambda each: each.bootstrap and each.bootstrap.seeds,
    "bootstrap seeds": lambda each: each.bootstrap and each.bootstrap.number,
    "bootstrap clusters": lambda each: each.bootstrap and each.bootstrap.clusters,
    "effect d": lambda each: each.effect and each.effect.d,
    "effect g": lambda each: each.effect and each.effect.g,
    "effect low": lambda each: each.effect and _bound(each.effect.interval, 0),
    "effect high": lambda each: each.effect and _bound(each.effect.interval, 1),
    "margin": lambda each: each.equivalence and _points(each.equivalence.margin),
    "p equivalence": lambda each: each.equivalence and each.equivalence.p,
    "smallest found": lambda each: each.power and _points(each.power.smallest),
    "runs needed": lambda each: each.power and each.power.needed,
    "note": lambda each: each.note,
}
"""Differences are times 100, as printed; `low` and `high` are those of the t interval over runs."""

_IMPROVES: dict[str, Callable[[Aggregate], object]] = {
    "improves": lambda chance: chance.estimate,
    "improves low": lambda chance: _bound(chance.interval, 0),
    "improves high": lambda chance: _bound(chance.interval, 1),
}
"""The probability of improvement, over tasks."""

HEADER = ("block", "column", "arm", "other", *_ABOUT, *_IMPROVES)


def comparison_rows(view: TableView) -> list[dict[str, str]]:
    """A row a comparison, of what HEADER names; nothing of one run of each arm."""
    return [row for block in view.blocks for row in _rows(block)]


def _rows(block: BlockView) -> Iterator[dict[str, str]]:
    for column in block.columns:
        for each in column.comparisons:
            about = {name: _written(of(each)) for name, of in _ABOUT.items()}
            yield _row(block, column.title, each.arm, each.other, about)
    for over in block.over_tasks:
        for other, chance in over.improves_on.items():
            improves = {name: _written(of(chance)) for name, of in _IMPROVES.items()}
            yield _row(block, OVER_TASKS, over.arm, other, improves)


def _row(
    block: BlockView, column: str, arm: str, other: str, about: dict[str, str]
) -> dict[str, str]:
    named = {"block": block.heading, "column": column, "arm": arm, "other": other}
    return dict.fromkeys(HEADER, "") | named | about


def _points(value: float) -> float:
    return 100 * value


def _bound(
    interval: tuple[float, float] | None, side: int, shown: Callable[[float], float] = float
) -> float | None:
    return None if interval is None else shown(interval[side])


def _written(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
