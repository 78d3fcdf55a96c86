"""What a configuration can name, as a list in the terminal."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_description(
    what: str, rows: Iterable[tuple[str, str, str]], console: Console | None = None
) -> None:
    """Print (name, kind, what it is) of each thing of a kind, such as "sources"."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    drawn.add_column(Text(what), no_wrap=True)
    drawn.add_column("kind")
    drawn.add_column("what it is")
    for row in rows:
        drawn.add_row(*map(Text, row))
    (console or Console(highlight=False)).print(drawn)
