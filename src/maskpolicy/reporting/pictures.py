"""What all pictures have in common: how they look, and how they are written."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from types import MappingProxyType

import matplotlib
from matplotlib.figure import Figure

from maskpolicy.artefacts import atomic_path, write_text
from maskpolicy.reporting.palette import FAINT, GRID, INK

STYLE = MappingProxyType(
    {
        "svg.hashsalt": "maskpolicy",  # ids of SVG elements are the same every time
        "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
        "font.size": 9,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
)

Picture = tuple[str, bytes]
"""The same picture as SVG and as PNG; the same data gives the same bytes."""


@contextmanager
def picture(width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of so many inches to draw in, in the project's style."""
    with matplotlib.rc_context(dict(STYLE)):
        yield Figure(figsize=(width, height), layout="constrained")


def rendered(figure: Figure) -> Picture:
    """The figure as SVG and PNG; to be called while its style holds."""
    svg, png = BytesIO(), BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return svg.getvalue().decode(), png.getvalue()


def write_picture(
    folder: Path, name: str, drawn: Picture, rows: Sequence[Mapping[str, object]]
) -> None:
    """Write NAME.svg and NAME.png, and the data that they show as NAME.csv, into `folder`."""
    svg, png = drawn
    write_text(folder / f"{name}.svg", svg)
    with atomic_path(folder / f"{name}.png") as path:
        path.write_bytes(png)
    write_rows(folder / f"{name}.csv", rows)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows with the same keys as CSV, None as an empty field."""
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
