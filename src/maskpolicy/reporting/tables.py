"""Result tables: one row an arm, one column a task and metric, shaded as in the papers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment

from maskpolicy.artefacts import write_text
from maskpolicy.decisions.budgets import Budget, read_budgets
from maskpolicy.drawing.palette import FAINT, INK, SHADES
from maskpolicy.drawing.pictures import write_images
from maskpolicy.errors import InputError
from maskpolicy.provenance import Makers
from maskpolicy.reporting import markdown, text
from maskpolicy.reporting.comparisons_csv import HEADER, comparison_rows
from maskpolicy.reporting.figures import draw_scores
from maskpolicy.reporting.pages import environment
from maskpolicy.reporting.specs import ShownBlock
from maskpolicy.reporting.view import (
    MAJORITY,
    ArmView,
    BlockView,
    ColumnView,
    ReportedBlock,
    ResultTable,
    TableView,
)
from maskpolicy.statistics.significance import AVERAGE, Column, Significance
from maskpolicy.tasks.cuts import TaskCuts
from maskpolicy.tasks.majority import Majority
from maskpolicy.text_files import write_rows


@dataclass(frozen=True)
class BlockFiles:
    """A block of a table as it is shown, and the files that say more of it than its scores."""

    shown: ShownBlock
    masks: Mapping[str, Sequence[Path]]  # row -> manifests of its masked shards, with its budget
    cuts: Sequence[Path]  # of each task, what the stage count_cuts wrote

    def read(self) -> ReportedBlock:
        """Read them. Raises ArtefactError, naming the file."""
        budgets = {row: read_budgets(manifests) for row, manifests in self.masks.items()}
        return ReportedBlock(
            shown=self.shown,
            budgets={row: next(iter(of.values())) for row, of in budgets.items() if of},
            cuts=[TaskCuts.read(path) for path in self.cuts],
        )


def render_table(
    significance: Path,
    blocks: Sequence[BlockFiles],
    *,
    majorities: Sequence[Path],
    finetuning: Mapping[str, str],
    folder: Path,
    name: str,
    caption: str = "",
    makers: Makers | None = None,
) -> None:
    """Write a result table to `folder`/`name`.{md,html,tex,csv,json}, its picture as svg and png,
    and every number of its comparisons as .comparisons.csv.

    `significance` is what the stage test_significance wrote, and `blocks` are those of it;
    `majorities` are what check_metrics wrote of each task; `finetuning` maps tasks to the names of
    records that hold their learning rates; of `makers`, who made what it shows, the page says what
    depends on neither dates nor machines. The same input gives the same bytes. Raises
    ArtefactError, naming the file, for an unreadable input, and InputError, naming the task, for a
    majority that is not there.
    """
    of_tasks = [Majority.read(path) for path in majorities]
    tested = Significance.read(significance)
    if len(tested.blocks) != len(blocks):
        raise InputError(f"{significance} is of {len(tested.blocks)} blocks, not {len(blocks)}")
    shown = {column.task for column in tested.blocks[0].columns} - {AVERAGE}
    if lacking := shown - {each.task for each in of_tasks}:
        raise InputError(f"no file of a majority is of {text.listed(sorted(lacking))}")
    table = ResultTable(
        name=name,
        caption=caption,
        significance=tested,
        blocks=[block.read() for block in blocks],
        majority={majority.task: majority for majority in of_tasks},
        finetuning=dict(finetuning),
    )
    view = TableView(table)
    picture = draw_scores(view)
    svg, _ = picture
    drawing = svg[svg.index("<svg") :]  # a page has no place for the XML declaration
    colours = {**SHADES, "ink": INK, "faint": FAINT}
    pages = {
        "md": _MARKDOWN.get_template("table.md").render(view=view),
        "html": _HTML.get_template("table.html").render(
            view=view, svg=drawing, colours=colours, provenance=makers.facts if makers else {}
        ),
        "tex": _LATEX.get_template("table.tex").render(view=view, colours=colours),
    }
    for suffix, page in pages.items():
        write_text(folder / f"{name}.{suffix}", page)
    rows = _rows(view)
    write_rows(folder / f"{name}.csv", list(rows[0]), rows)
    write_rows(folder / f"{name}.comparisons.csv", list(HEADER), comparison_rows(view))
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
        "over_tasks_rows": markdown.over_tasks_rows,
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
    rows = [_row(view, block, arm) for block in view.blocks for arm in view.arms(block)]
    # Some rows may lack what others have: a column is there where any has it.
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [*rows, {"arm": MAJORITY} | majority]
    return [{column: line.get(column, "") for column in columns} for line in lines]


def _row(view: TableView, block: BlockView, arm: ArmView) -> dict[str, str]:
    row = {"arm": arm.name}
    if view.several:
        row |= {"block": block.heading, "model": block.model}
    stages = {scores.arm: scores.stage for scores in block.columns[0].arms}
    if view.stages:
        row["stage"] = stages.get(arm.name, "")
    for head, column in zip(view.columns, block.columns, strict=True):
        row |= _figures(view, head, column, arm)
        if head.paper:
            mean, std = block.paper_figure(arm.name, column) or (None, None)
            row |= {f"{head.title} paper": _number(mean), f"{head.title} paper ±": _number(std)}
    for over in block.over_tasks:
        if over.arm == arm.name:
            middle = over.interquartile_mean
            row["interquartile mean"] = _times_100(middle.estimate)
            low, high = middle.interval or (None, None)
            row |= {"interquartile low": _times_100(low), "interquartile high": _times_100(high)}
    row["runs"] = "" if arm.only_printed else arm.runs
    for title, figure in _BUDGET.items():
        row[title] = "" if arm.budget is None else _number(figure(arm.budget))
    return row


def _figures(view: TableView, head: ColumnView, column: Column, arm: ArmView) -> dict[str, str]:
    """What was measured of an arm in a column; of a row that is only in print, empty."""
    title = head.title
    scores = next((scores for scores in column.arms if scores.arm == arm.name), None)
    against_best = column.comparison(arm.name, column.best)
    figures = {
        title: _times_100(scores.mean if scores else None),
        f"{title} ±": _times_100(scores.std if scores else None),
        f"{title} shade": scores.shade if scores else "",
        f"{title} p": _number(against_best.p if against_best else None, 4),
    }
    for baseline in view.significance.baselines:
        against = column.comparison(arm.name, baseline)
        figures |= {
            f"{title} against {baseline}": _times_100(against.difference if against else None),
            f"{title} against {baseline} p": _number(against.p if against else None, 4),
        }
    if view.significance.starred:
        anova = scores.anova if scores else None
        figures |= {
            f"{title} stars": anova.stars if anova else "",
            f"{title} ANOVA p": _number(anova.p if anova else None, 4),
        }
    return figures


def _times_100(value: float | None) -> str:
    return _number(None if value is None else 100 * value)


def _number(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{value:z.{decimals}f}"
