"""What all pictures have in common: how they look, and how they are written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskpolicy.artefacts import atomic_path, write_text
from maskpolicy.drawing.palette import CATEGORIES, FAINT, GRID, INK
from maskpolicy.text_files import write_rows

STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "svg.hashsalt": "maskpolicy",  # ids of SVG elements are the same every time
        "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
        "font.size": 9,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=CATEGORIES),
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
)

PANELS_IN_A_ROW = 3
LEGEND_BESIDE: Final = "outside right center"  # below the title, which may be as wide

Picture = tuple[str, bytes]
"""The same picture as SVG and as PNG; the same data gives the same bytes."""


@contextmanager
def picture(width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of so many inches to draw in, in the project's style."""
    style: Any = dict(STYLE)  # whose keys matplotlib's types list one by one
    with matplotlib.rc_context(style):
        yield Figure(figsize=(width, height), layout="constrained")


@contextmanager
def picture_of_panels(
    number: int, width: float, height: float, beside: float
) -> Iterator[tuple[Figure, Sequence[Axes]]]:
    """Yield such a figure and so many panels of so many inches, three in a row at most.

    `beside` is the room for a legend that all share, to be placed with `loc=LEGEND_BESIDE`.
    """
    rows, columns = -(-number // PANELS_IN_A_ROW), min(number, PANELS_IN_A_ROW)
    with picture(columns * width + beside, rows * height + 0.5) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for empty in panels[number:]:
            empty.remove()
        yield figure, list(panels[:number])


def rendered(figure: Figure) -> Picture:
    """The figure as SVG and PNG; to be called while its style holds."""
    png = BytesIO()
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return rendered_svg(figure), png.getvalue()


def rendered_svg(figure: Figure) -> str:
    """The figure as SVG alone; to be called while its style holds."""
    svg = BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return svg.getvalue().decode()


def write_picture(
    folder: Path, name: str, drawn: Picture, rows: Sequence[Mapping[str, object]]
) -> None:
    """Write a picture as by :func:`write_images`, and the data that it shows as NAME.csv.

    `rows` are at least one, all with the same keys.
    """
    write_images(folder, name, drawn)
    write_rows(folder / f"{name}.csv", list(rows[0]), rows)


def write_images(folder: Path, name: str, drawn: Picture) -> None:
    """Write NAME.svg and NAME.png into `folder`, each whole or not at all."""
    svg, png = drawn
    write_text(folder / f"{name}.svg", svg)
    with atomic_path(folder / f"{name}.png") as path:
        path.write_bytes(png)
