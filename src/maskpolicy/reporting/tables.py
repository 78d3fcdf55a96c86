"""Result tables: one row an arm, one column a task and metric, shaded as in the papers."""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from maskpolicy.artefacts import write_text
from maskpolicy.decisions.budgets import read_budgets
from maskpolicy.drawing.palette import FAINT, INK, SHADES
from maskpolicy.drawing.pictures import write_images
from maskpolicy.reporting import markdown, text
from maskpolicy.reporting.figures import draw_scores
from maskpolicy.reporting.view import PaperFigure, ResultTable, TableView
from maskpolicy.statistics.significance import Significance


def render_table(
    significance: Path,
    masks: Sequence[Path],
    folder: Path,
    name: str,
    caption: str = "",
    paper: Mapping[str, Mapping[str, Mapping[str, PaperFigure]]] | None = None,
) -> None:
    """Write a result table to `folder`/`name`.{md,html,tex,csv,json}, its picture as svg and png.

    `significance` is what the stage test_significance wrote; `masks` are the manifests of the arms'
    masked shards, which hold their budgets; `paper` maps arm, task and metric to published figures
    to show beside. The same input gives the same bytes. Raises ArtefactError, naming the file, for
    an unreadable input.
    """
    table = ResultTable(
        name=name,
        caption=caption,
        significance=Significance.read(significance),
        budgets=read_budgets(masks),
        paper=paper or {},
    )
    view = TableView(table)
    picture = draw_scores(table.significance)
    svg, _ = picture
    drawing = svg[svg.index("<svg") :]  # a page has no place for the XML declaration
    colours = {**SHADES, "ink": INK, "faint": FAINT}
    pages = {
        "md": _MARKDOWN.get_template("table.md").render(view=view),
        "html": _HTML.get_template("table.html").render(view=view, svg=drawing, colours=colours),
        "tex": _LATEX.get_template("table.tex").render(view=view, colours=colours),
        "csv": _csv(view),
    }
    for suffix, page in pages.items():
        write_text(folder / f"{name}.{suffix}", page)
    write_images(folder, name, picture)
    table.write(folder / f"{name}.json")


def _environment(**syntax: object) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **syntax,
    )
    environment.filters |= {
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
    return environment


_HTML = _environment(autoescape=True)
_MARKDOWN = _environment()
_LATEX = _environment(  # braces are LaTeX's own
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
)


def _csv(view: TableView) -> str:
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    head = ["arm"]
    for column in view.columns:
        head += [column.title, f"{column.title} ±", f"{column.title} shade", f"{column.title} p"]
        if column.paper:
            head += [f"{column.title} paper", f"{column.title} paper ±"]
    head += ["runs", "masked %", "masked tokens per row", "mean span", "insertions per row"]
    head += ["dropped rows %"]
    writer.writerow(head)
    for i, arm in enumerate(view.arms):
        row = [arm.name]
        for head in view.columns:
            scores, column = head.column.arms[i], head.column
            against_best = column.comparison(arm.name, column.best)
            row += [
                _number(100 * scores.mean),
                _number(None if scores.std is None else 100 * scores.std),
                scores.shade,
                _number(against_best and against_best.p, 4),
            ]
            if head.paper:
                row += map(_number, view.table.paper_figure(arm.name, column) or (None, None))
        row.append(str(view.runs))
        b = arm.budget
        budget = [None] * 5
        if b:
            budget = [100 * b.rate, b.masked_per_row, b.mean_span, b.insertions_per_row]
            budget.append(100 * b.dropped)
        writer.writerow([*row, *map(_number, budget)])
    return output.getvalue()


def _number(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{value:z.{decimals}f}"
