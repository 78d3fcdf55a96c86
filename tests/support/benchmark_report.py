"""The form of every benchmark: what was measured, against which peer in the same run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from maskpolicy.artefacts import write_json

COLUMNS = {"what": "left", "value": "right", "unit": "left", "× peer": "right", "peer": "left"}
FOLDER = Path(__file__).parents[2] / "results" / "benchmarks"


@dataclass(frozen=True)
class Row:
    """One measurement; `ratio` is how many times the value of the row named `peer` it is."""

    what: str
    value: float
    unit: str
    peer: str | None = None
    ratio: float | None = None

    def against(self, peer: "Row") -> "Row":
        """The same measurement with its ratio to `peer`'s."""
        return Row(self.what, self.value, self.unit, peer.what, self.value / peer.value)


def report(name: str, title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the rows as a table and write them to results/benchmarks/{name}.json."""
    table = Table(box=box.MARKDOWN)
    for head, justify in COLUMNS.items():
        table.add_column(head, justify=justify, no_wrap=True)
    for row in rows:
        ratio = "" if row.ratio is None else _number(row.ratio)
        table.add_row(*map(Text, (row.what, _number(row.value), row.unit, ratio, row.peer or "")))
    console = Console(highlight=False)
    width = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    console.width = max(console.width, width)  # a narrow terminal would squeeze the columns
    console.print(Text(title, "bold"), table)
    for note in notes:
        console.print(Text(note, "dim"))
    path = FOLDER / f"{name}.json"
    write_json(path, {"rows": [asdict(row) for row in rows]})
    console.print(f"Written to {path}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
