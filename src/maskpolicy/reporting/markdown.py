"""The parts of a result table as Markdown tables, whose source reads as well as their rendering."""

from collections.abc import Sequence

from maskpolicy.reporting import text
from maskpolicy.reporting.view import ComparisonGroup, ScoreCell, TableView

_MARKS = {"dark": "**{}**", "light": "{} †", "none": "{}"}

Rows = list[list[str]]
"""Cells of a table, the head first; the first column holds names, the others figures."""


def score_rows(view: TableView) -> Rows:
    """Arms and scores: best in bold, not significantly worse with a dagger."""
    head = ["arm"]
    for column in view.columns:
        head += [escape(column.title)] + ["paper"] * column.paper
    rows = [[*head, "masked", "runs"]]
    for arm in view.rows:
        scores = [cell for score in arm.cells for cell in _score_cells(score)]
        rows.append([escape(arm.name), *scores, arm.masked, arm.runs])
    return rows


def comparison_rows(group: ComparisonGroup) -> Rows:
    """Differences with their intervals and p-values."""
    rows = [[group.title.lower(), "difference", "interval", "p (runs)", "p (examples)"]]
    for comparison in group.comparisons:
        rows.append(
            [
                escape(comparison.arm),
                text.difference_text(comparison.difference),
                text.interval_text(comparison.interval),
                text.p_text(comparison.p),
                text.p_text(comparison.p_examples),
            ]
        )
    return rows


def budget_rows(view: TableView) -> Rows:
    """What each arm masked."""
    rows = [["arm", "masked", "tokens per row", "mean span", "insertions", "dropped rows"]]
    return rows + [
        [
            escape(arm.name),
            arm.masked,
            f"{arm.budget.masked_per_row:.1f}",
            f"{arm.budget.mean_span:.2f}",
            f"{arm.budget.insertions_per_row:.1f}",
            text.percent_text(arm.budget.dropped),
        ]
        for arm in view.arms
        if arm.budget
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
    return " ".join(words.split())


def _score_cells(score: ScoreCell) -> list[str]:
    cell = _MARKS[score.shade].format(score.text)
    return [cell] if score.paper is None else [cell, score.paper]
