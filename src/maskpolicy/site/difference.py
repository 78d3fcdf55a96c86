"""Two studies side by side: what was configured otherwise, and which scores moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy import stats

from maskpolicy.artefacts import read_json
from maskpolicy.errors import counted
from maskpolicy.reporting import text
from maskpolicy.reporting.view import ResultTable
from maskpolicy.site.results import StudyResults
from maskpolicy.statistics.comparisons import Interval
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING
from maskpolicy.statistics.significance import THRESHOLD, ArmScores
from maskpolicy.study.loading import CONFIGURATION

ABSENT = "(not there)"


@dataclass(frozen=True)
class ChangedKey:
    """A key of the configuration and what either study has for it."""

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class MovedCell:
    """A score of both studies; differences are the second study's less the first's.

    Runs of two studies are no pairs, so p is of Welch's t-test over runs (Welch 1947), two-sided
    and uncorrected, and the interval is its own; None where it can't be made.
    """

    table: str
    row: str
    column: str
    before: ArmScores
    after: ArmScores
    difference: float
    interval: Interval | None
    p: float | None
    note: str = ""

    @property
    def moved(self) -> bool:
        """Whether the means differ at all."""
        return abs(self.difference) > ROUNDING

    @property
    def significant(self) -> bool:
        """Whether they do by more than runs differ among themselves."""
        return self.p is not None and self.p <= THRESHOLD


@dataclass(frozen=True)
class Difference:
    """How a study differs from another."""

    keys: list[ChangedKey]
    cells: list[MovedCell]
    only: list[str]  # what one of them alone has, in words


def print_difference(before: Path, after: Path, console: Console | None = None) -> None:
    """Print how the study in the folder `after` differs from that in `before`.

    Raises InputError for a folder that is none of results.
    """
    console = console or Console(highlight=False)
    found = difference(before, after)
    _print_keys(found.keys, console)
    for line in found.only:
        console.print(Text(line))
    moved = [cell for cell in found.cells if cell.moved or cell.note]
    sure = sum(cell.significant for cell in moved)
    if moved:
        drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
        for name in ("table", "row", "column"):
            drawn.add_column(name, overflow="fold")
        for name in ("before", "after", "difference", f"{CONFIDENCE:.0%} interval", "p"):
            drawn.add_column(name, justify="right", no_wrap=True)
        for cell in moved:
            drawn.add_row(*map(Text, _printed(cell)), style="bold" if cell.significant else "")
        console.print(drawn)
    count = sum(cell.moved for cell in moved)
    verb = "have" if count != 1 else "has"
    console.print(
        f"{count} of {counted(len(found.cells), 'score')} {verb} moved, {sure} significantly"
        f" (p ≤ {text.bare(THRESHOLD)}, Welch's t-test over runs, two-sided, uncorrected)."
    )


def difference(before: Path, after: Path) -> Difference:
    """Compare two studies by the results in their folders. Raises as :func:`print_difference`."""
    one, other = StudyResults.read(before), StudyResults.read(after)
    configured = [_flat(read_json(folder / CONFIGURATION)) for folder in (before, after)]
    keys = [
        ChangedKey(key, *values)
        for key in dict.fromkeys([*configured[0], *configured[1]])
        if key != "name"
        and len(set(values := [config.get(key, ABSENT) for config in configured])) > 1
    ]
    tables = [{table.name: table for table in results.made_tables()} for results in (one, other)]
    sides = ((before, tables[0], tables[1]), (after, tables[1], tables[0]))
    only = [
        f"only {folder} has the table {name}"
        for folder, here, there in sides
        for name in here
        if name not in there
    ]
    cells: list[MovedCell] = []
    for name in (name for name in tables[0] if name in tables[1]):
        scores = [_scores(of[name]) for of in tables]
        for place in dict.fromkeys([*scores[0], *scores[1]]):
            if place in scores[0] and place in scores[1]:
                cells.append(_compare(name, place, scores[0][place], scores[1][place]))
            else:
                folder = before if place in scores[0] else after
                only.append(f"only {folder} has {place[0]} on {place[1]} in {name}")
    return Difference(keys, cells, only)


_Place = tuple[str, str]
"""A row and a column, as they are called."""


def _scores(table: ResultTable) -> dict[_Place, tuple[str, ArmScores]]:
    """The scores of a table, each with the signature of its metric."""
    several = len(table.blocks) > 1
    found = {}
    for reported, block in zip(table.blocks, table.significance.blocks, strict=True):
        of = f" ({reported.shown.heading})" if several else ""
        for column in block.columns:
            for arm in column.arms:
                found[f"{arm.arm}{of}", column.title] = column.signature, arm
    return found


def _compare(
    table: str, place: _Place, before: tuple[str, ArmScores], after: tuple[str, ArmScores]
) -> MovedCell:
    (signature, one), (other_signature, other) = before, after
    interval, p, note = None, None, ""
    if signature != other_signature:
        note = "scored in two ways"
    elif abs(other.mean - one.mean) <= ROUNDING:
        pass  # it has not moved
    elif min(len(one.scores), len(other.scores)) < 2:
        note = "one run: no test"
    elif max(np.ptp(one.scores), np.ptp(other.scores)) <= ROUNDING:
        note = "runs don't differ: no test"
    else:
        test = stats.ttest_ind(other.scores, one.scores, equal_var=False)
        p, bounds = float(test.pvalue), test.confidence_interval(CONFIDENCE)
        interval = float(bounds.low), float(bounds.high)
    return MovedCell(table, *place, one, other, other.mean - one.mean, interval, p, note)


def _printed(cell: MovedCell) -> list[str]:
    scores = [text.score_text(arm.mean, arm.std) for arm in (cell.before, cell.after)]
    difference = text.difference_text(cell.difference)
    tested = [cell.note, ""] if cell.note else [text.interval_text(cell.interval), _p(cell)]
    return [cell.table, cell.row, cell.column, *scores, difference, *tested]


def _p(cell: MovedCell) -> str:
    return text.p_text(cell.p) + (" *" if cell.significant else "")


def _print_keys(keys: list[ChangedKey], console: Console) -> None:
    if not keys:
        console.print("No key of the configurations differs.")
        return
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    for name in ("key", "before", "after"):
        drawn.add_column(name, overflow="fold")
    for each in keys:
        drawn.add_row(Text(each.key), Text(each.before), Text(each.after))
    console.print(drawn)


def _flat(config: Mapping[str, Any], key: str = "") -> dict[str, str]:
    """Each key with what stands there; a list of plain values is one."""
    return {name: _written(value) for name, value in _leaves(config, key)}


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{key}.{number}")
    else:
        yield key, value


def _written(value: Any) -> str:
    return text.listed(value) if isinstance(value, list) else str(value)
