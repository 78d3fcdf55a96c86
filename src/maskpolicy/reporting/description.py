"""What a configuration or a command can name, as a list in the terminal."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

NARROW = 25
"""Characters a column below which the last ones stand below each other instead."""

SIDE_BY_SIDE = 3
"""Columns that stay beside each other in a narrow terminal."""


def print_description(
    columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console | None = None
) -> None:
    """Print rows under these heads, of which the first is of names, such as "sources"."""
    console = console or Console(highlight=False)
    if console.width < NARROW * len(columns):
        rows = [_stacked(columns, row) for row in rows]
        columns = columns[:SIDE_BY_SIDE]
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    for head in columns:
        drawn.add_column(Text(head), no_wrap=head == columns[0], overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


def _stacked(columns: Sequence[str], row: Sequence[str]) -> list[str]:
    """A row whose last columns are lines of the one before them."""
    *beside, above = row[:SIDE_BY_SIDE]
    below = zip(columns[SIDE_BY_SIDE:], row[SIDE_BY_SIDE:], strict=True)
    return [*beside, "\n".join([above, *(f"{head}: {text}" for head, text in below if text)])]
