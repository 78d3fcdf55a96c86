"""The parts of a result table as Markdown tables, whose source reads as well as their rendering."""

import re
from collections.abc import Sequence

from maskpolicy.reporting import text
from maskpolicy.reporting.view import ComparisonGroup, ScoreCell, TableView

_MARKS = {"dark": "**{}**", "light": "{} †", "none": "{}"}

Rows = list[list[str]]
"""Cells of a table, the head first; the first column holds names, the others figures."""


def score_rows(view: TableView) -> Rows:
    """Arms and scores: best in bold, not significantly worse with a dagger, headings in italics."""
    head = ["arm"]
    for column in view.columns:
        head += [escape(column.title)] + ["paper"] * column.paper
    rows = [[*head, "masked", "runs"]]
    for row in [*view.rows, view.majority_row]:
        if isinstance(row, str):
            rows.append([f"*{escape(row)}*", *[""] * (len(rows[0]) - 1)])
        else:
            scores = [cell for score in row.cells for cell in _score_cells(score)]
            name = escape(row.label) + " (in print)" * row.only_printed
            rows.append([name, *scores, row.masked, row.runs])
    return rows


def comparison_rows(group: ComparisonGroup, heads: Sequence[str]) -> Rows:
    """Differences with their intervals and p-values."""
    title = (f"{group.block}: " if group.block else "") + group.title[0].lower() + group.title[1:]
    return [[escape(title), *heads], *([escape(name), *rest] for name, *rest in group.rows)]


def over_tasks_rows(rows: Sequence[Sequence[str]], heading: str) -> Rows:
    """Arms over all tasks."""
    head = [escape(heading) or "arm", "interquartile mean", "above another arm"]
    return [head, *([escape(cell) for cell in row] for row in rows)]


def budget_rows(view: TableView) -> Rows:
    """What each arm masked."""
    rows = [["arm", "masked", "tokens per row", "mean span", "insertions", "dropped rows"]]
    return rows + [
        [
            escape(name),
            arm.masked,
            f"{budget.masked_per_row:.1f}",
            f"{budget.mean_span:.2f}",
            f"{budget.insertions_per_row:.1f}",
            text.percent_text(budget.dropped),
        ]
        for name, arm, budget in view.budgets
    ]


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table with aligned columns, names left and figures right."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * (width - 1) + ":" if i else "-" * width for i, width in enumerate(widths)]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def escape(words: str) -> str:
    """Text that stays one cell of a table, without accidental emphasis, links or HTML."""
    for character in "\\`*|[]<":  # not _, which is harmless within a word
        words = words.replace(character, "\\" + character)
    words = re.sub(r"&(?=#?\w+;)", r"\\&", words)  # alone it is no part of an entity
    return " ".join(words.split())


def _score_cells(score: ScoreCell) -> list[str]:
    cell = _MARKS[score.shade].format(score.text)
    if score.stars:
        cell = f"{cell} {score.stars}"  # with space around: no emphasis
    return [cell] if score.paper is None else [cell, score.paper]
