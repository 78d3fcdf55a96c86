"""Result tables: one row an arm, one column a task and metric, shaded as in the papers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from maskpolicy.artefacts import write_text
from maskpolicy.decisions.budgets import Budget, read_budgets
from maskpolicy.drawing.palette import FAINT, INK, SHADES
from maskpolicy.drawing.pictures import write_images
from maskpolicy.errors import InputError
from maskpolicy.reporting import markdown, text
from maskpolicy.reporting.figures import draw_scores
from maskpolicy.reporting.pages import environment
from maskpolicy.reporting.view import MAJORITY, ArmView, PaperFigure, ResultTable, TableView
from maskpolicy.statistics.significance import Significance
from maskpolicy.tasks.cuts import TaskCuts
from maskpolicy.tasks.majority import Majority
from maskpolicy.text_files import write_rows


def render_table(
    significance: Path,
    masks: Sequence[Path],
    *,
    cuts: Sequence[Path],
    majorities: Sequence[Path],
    finetuning: Mapping[str, str],
    folder: Path,
    name: str,
    caption: str = "",
    paper: Mapping[str, Mapping[str, Mapping[str, PaperFigure]]] | None = None,
) -> None:
    """Write a result table to `folder`/`name`.{md,html,tex,csv,json}, its picture as svg and png.

    `significance` is what the stage test_significance wrote; `masks` are the manifests of the arms'
    masked shards, which hold their budgets; `cuts` is what the stage count_cuts wrote of each task,
    `majorities` what score_majority did; `finetuning` maps tasks to the names of records that hold
    their learning rates; `paper` maps arm, task and metric to published figures to show beside. The
    same input gives the same bytes. Raises ArtefactError, naming the file, for an unreadable input,
    and InputError, naming the task, for a majority that is not there.
    """
    of_tasks = [Majority.read(path) for path in majorities]
    tested = Significance.read(significance)
    if lacking := {column.task for column in tested.columns} - {each.task for each in of_tasks}:
        raise InputError(f"no file of a majority is of {text.listed(sorted(lacking))}")
    table = ResultTable(
        name=name,
        caption=caption,
        significance=tested,
        budgets=read_budgets(masks),
        cuts=[TaskCuts.read(path) for path in cuts],
        majority={majority.task: majority for majority in of_tasks},
        finetuning=dict(finetuning),
        paper=paper or {},
    )
    view = TableView(table)
    picture = draw_scores(table.significance, table.majority)
    svg, _ = picture
    drawing = svg[svg.index("<svg") :]  # a page has no place for the XML declaration
    colours = {**SHADES, "ink": INK, "faint": FAINT}
    pages = {
        "md": _MARKDOWN.get_template("table.md").render(view=view),
        "html": _HTML.get_template("table.html").render(view=view, svg=drawing, colours=colours),
        "tex": _LATEX.get_template("table.tex").render(view=view, colours=colours),
    }
    for suffix, page in pages.items():
        write_text(folder / f"{name}.{suffix}", page)
    rows = _rows(view)
    write_rows(folder / f"{name}.csv", list(rows[0]), rows)
    write_images(folder, name, picture)
    table.write(folder / f"{name}.json")


def _with_filters(**syntax: Any) -> Environment:
    templates = environment(**syntax)
    templates.filters |= {
        "comparison_rows": markdown.comparison_rows,
        "budget_rows": markdown.budget_rows,
        "difference": text.difference_text,
        "interval": text.interval_text,
        "latex": text.latex,
        "markdown": markdown.escape,
        "p": text.p_text,
        "percent": text.percent_text,
        "pipe_table": markdown.pipe_table,
        "score_rows": markdown.score_rows,
    }
    return templates


_HTML = _with_filters(autoescape=True)
_MARKDOWN = _with_filters()
_LATEX = _with_filters(  # braces are LaTeX's own
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
)


_BUDGET: dict[str, Callable[[Budget], float]] = {
    "masked %": lambda budget: 100 * budget.rate,
    "masked tokens per row": lambda budget: budget.masked_per_row,
    "mean span": lambda budget: budget.mean_span,
    "insertions per row": lambda budget: budget.insertions_per_row,
    "dropped rows %": lambda budget: 100 * budget.dropped,
}


def _rows(view: TableView) -> list[dict[str, str]]:
    """Every figure of the table in columns of their own, times 100 as printed."""
    majority = {head.title: _number(100 * view.majority_score(head)) for head in view.columns}
    return [*(_row(view, i, arm) for i, arm in enumerate(view.arms)), {"arm": MAJORITY} | majority]


def _row(view: TableView, number: int, arm: ArmView) -> dict[str, str]:
    row = {"arm": arm.name}
    for head in view.columns:
        title, column = head.title, head.column
        scores, against_best = column.arms[number], column.comparison(arm.name, column.best)
        row |= {
            title: _number(100 * scores.mean),
            f"{title} ±": _number(None if scores.std is None else 100 * scores.std),
            f"{title} shade": scores.shade,
            f"{title} p": _number(against_best.p if against_best else None, 4),
        }
        if head.paper:
            mean, std = view.table.paper_figure(arm.name, column) or (None, None)
            row |= {f"{title} paper": _number(mean), f"{title} paper ±": _number(std)}
    row["runs"] = arm.runs
    for title, figure in _BUDGET.items():
        row[title] = "" if arm.budget is None else _number(figure(arm.budget))
    return row


def _number(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{value:z.{decimals}f}"
