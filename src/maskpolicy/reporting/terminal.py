"""The end of a study in the terminal: its result tables and the ways on, or what failed."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from maskpolicy.drawing.palette import SHADES
from maskpolicy.reporting.markdown import score_rows
from maskpolicy.reporting.view import FORMATS, ResultTable, TableView

LAST_LINES = 5
"""Of the log of a failed job."""

_STYLES = {
    "dark": f"bold white on {SHADES['dark']}",
    "light": f"black on {SHADES['light']}",
    "none": "",
}


def print_table(table_md: Path, console: Console | None = None) -> None:
    """Print a result table, as Markdown in colour, and where its files are.

    `table_md` is the Markdown table; what is read is the JSON table beside it. Raises
    ArtefactError, naming the file.
    """
    console = console or Console(highlight=False)
    view = TableView(ResultTable.read(table_md.with_suffix(".json")))
    drawn = _draw(view)
    # A table wider than the screen is cut by the terminal, not squeezed into unreadable columns.
    width = Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum
    console.width = max(console.width, width)
    console.print()
    console.print(Text(view.title, "bold"), soft_wrap=True)
    console.print(drawn)
    legend = " ".join(view.legend("Bold", "†"))
    for line in filter(None, (legend, *view.notes, *view.remarks)):
        style = "yellow" if line in view.warnings else "dim"
        console.print(Text(line, style), soft_wrap=True)
    files = [table_md.with_suffix(f".{suffix}") for suffix in FORMATS]
    names = ", ".join(file.name for file in files if file.exists())
    console.print(f"Files in {table_md.parent}: {names}", soft_wrap=True)


def print_ways_on(ways: Sequence[tuple[str, str]], console: Console | None = None) -> None:
    """Print what there is to look at now: what it shows, and the file or command."""
    console = console or Console(highlight=False)
    width = max(len(what) for what, _ in ways)
    lines = [Text.assemble((what.ljust(width), "dim"), "  ", where) for what, where in ways]
    console.print(Text("\n").join([Text(), *lines]), soft_wrap=True)


def print_failures(
    failures: Sequence[tuple[str, Sequence[str]]], console: Console | None = None
) -> None:
    """Print again what failed: the message of each job, the end of its logs, and where they are."""
    console = console or Console(highlight=False, stderr=True)
    for message, logs in failures:
        lines = []
        for log in logs:
            lines += last_lines(Path(log)) or ["  It left no log of its own."]
        # In one piece: Snakemake's logger writes from a thread of its own, and may come in between.
        title = Text(f"\nFailed: {message}", "bold red")
        console.print(Text("\n").join([title, *map(Text, lines)]), soft_wrap=True)


def last_lines(log: Path, chatter: tuple[str, ...] = ()) -> list[str]:
    """The last lines of a log, as they are shown, and where it is; none if there is none.

    Lines that begin with `chatter` are left out.
    """
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    lines = [line for line in lines if line.strip() and not line.startswith(chatter)]
    shown = [f"  {line}" for line in lines[-LAST_LINES:]]
    return [*shown, f"  Its log: {log}"] if lines else []


def _draw(view: TableView) -> Table:
    head, *lines = score_rows(view)
    drawn = Table(box=box.MARKDOWN, header_style="bold")
    for i, title in enumerate(head):
        drawn.add_column(Text(title), justify="right" if i else "left", no_wrap=True)
    for row, cells in zip([*view.rows, view.majority_row], lines, strict=True):
        styles = [""]
        for cell in [] if isinstance(row, str) else row.cells:
            styles += [_STYLES[cell.shade]] + ["dim"] * (cell.paper is not None)
        styles += [""] * (len(cells) - len(styles))
        drawn.add_row(*(Text(cell, style) for cell, style in zip(cells, styles, strict=True)))
    return drawn
