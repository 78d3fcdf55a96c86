"""The pictures of the analysis of masks: every arm is a bar, a panel, or a row and a column."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.patches import Patch

from maskpolicy.analysis.mask_frequency import Bins, harmonic
from maskpolicy.arms import CONTROL
from maskpolicy.decisions.budgets import Budget
from maskpolicy.drawing.palette import CATEGORIES, FAINT, GRID, INK, SHADES
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture,
    picture_of_panels,
    rendered,
)

NO_ENTITY = "no entity"

# Always the same, whatever a study has; a family of kinds has shades of one colour.
PART_OF_SPEECH_COLOURS = MappingProxyType(
    {
        **{"PROPN": "#1f4e79", "NOUN": "#4f8fc4", "NUM": "#9cc7e6", "PRON": "#d3e6f5"},
        **{"VERB": "#d55e00", "AUX": "#f4a261"},
        **{"ADJ": "#00735a", "ADV": "#6fc2a3"},
        **{"ADP": "#7a5195", "DET": "#a07ab9", "CCONJ": "#c0a6d2", "SCONJ": "#dacbe5"},
        **{"PART": "#efe6f4", "PUNCT": "#6b7785"},
        **dict.fromkeys(("INTJ", "SYM", "X", "SPACE"), "#c3cad1"),
    }
)
"""Universal part of speech -> colour, in the order of a bar; rare ones have one colour."""
ENTITY_COLOURS = MappingProxyType(
    {
        **{"PERSON": "#1f4e79", "ORG": "#4f8fc4", "NORP": "#9cc7e6"},
        **{"GPE": "#00735a", "LOC": "#4fae8f", "FAC": "#a9dcc8"},
        **{"DATE": "#d55e00", "TIME": "#f4a261"},
        **{"CARDINAL": "#7a5195", "ORDINAL": "#a07ab9", "QUANTITY": "#c0a6d2"},
        **{"PERCENT": "#dacbe5", "MONEY": "#efe6f4"},
        **{"EVENT": "#96507a", "PRODUCT": "#cc79a7", "WORK_OF_ART": "#e3aecb"},
        **{"LAW": "#f0cfe0", "LANGUAGE": "#f8e6ef"},
        NO_ENTITY: GRID,
    }
)
"""OntoNotes label -> colour, in the order of a bar."""

_DASHED: Mapping[str, Any] = MappingProxyType({"linestyle": (0, (4, 3)), "linewidth": 1.0})
_CENTRED: Mapping[str, Any] = MappingProxyType({"ha": "center", "va": "center", "fontsize": 7})
_LINE = 0.26  # inches of a bar or a line of a legend
_LABELLED = 0.035  # the narrowest part of a bar that its share fits into
_MOST_TIMES = 4  # what is this many times as much as by chance, or more, has the full colour

_BUDGET: Mapping[str, Callable[[Budget], float]] = MappingProxyType(
    {
        "tokens masked (%)": lambda budget: 100 * budget.rate,
        "masked tokens of a row": lambda budget: budget.masked_per_row,
        "tokens of a span": lambda budget: budget.mean_span,
        "insertions in a row": lambda budget: budget.insertions_per_row,
        "rows dropped (%)": lambda budget: 100 * budget.dropped,
    }
)


def draw_shares(
    shares: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], title: str
) -> Picture:
    """Draw stacked bars, one for the corpus or an arm, of the shares of kinds of tokens."""
    together: dict[str, list[str]] = {}
    for kind, colour in colours.items():
        together.setdefault(colour, []).append(kind)
    height = _LINE * max(len(shares), len(together) + 1) + 1.2
    with picture(10.0, height) as figure:
        axes = figure.subplots()
        for y, of_bar in enumerate(shares.values()):
            left = 0.0
            for colour, kinds in together.items():
                width = sum(of_bar[kind] for kind in kinds)
                axes.barh(y, width, 0.8, left, color=colour, edgecolor="white", linewidth=0.4)
                if width >= _LABELLED:
                    share, ink = f"{100 * width:.0f}", _ink_on(colour)
                    axes.text(left + width / 2, y, share, color=ink, **_CENTRED)
                left += width
        _rows_from_top(axes, list(shares))
        axes.set_xlim(0, 1)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{share}%" for share in range(0, 101, 20)])
        axes.set_xlabel("share of the masked tokens; of the corpus, of all tokens")
        names = [", ".join(kinds) for kinds in together.values()]
        handles = [Patch(color=colour) for colour in together]
        figure.legend(handles, names, loc=LEGEND_BESIDE, fontsize=8)
        figure.suptitle(title, fontsize=10)
        return rendered(figure)


def draw_frequencies(
    by_rank: Mapping[str, np.ndarray], bins: Mapping[str, Bins], corpus: Bins, title: str
) -> Picture:
    """Draw how often tokens are masked against their rank, a panel an arm, both logarithmic.

    `by_rank` are frequencies [R] of each arm; the dots of its bins lie about a line of their slope.
    """
    lowest = min(of_arm[of_arm > 0].min(initial=1.0) for of_arm in by_rank.values())
    with picture_of_panels(len(by_rank), 2.9, 2.3, beside=1.9) as (figure, panels):
        for panel, (arm, of_arm) in zip(panels, by_rank.items(), strict=True):
            ranks = np.arange(1, len(of_arm) + 1)
            masked, of_bins = of_arm > 0, bins[arm]
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.set_ylim(lowest / 2, 1)
            panel.scatter(
                ranks[masked],
                of_arm[masked],
                s=5,
                color=CATEGORIES[5],
                alpha=0.45,
                linewidth=0,
                rasterized=True,  # as many as the vocabulary has tokens
                label="a token",
            )
            panel.plot(ranks, harmonic(len(ranks)), color=INK, label="1/x", **_DASHED)
            panel.plot(corpus.ranks, corpus.frequencies, color=FAINT, linewidth=1.6, label="corpus")
            panel.plot(
                of_bins.ranks,
                of_bins.fitted,
                color=CATEGORIES[1],
                linewidth=1.2,
                label="fitted to the means",
            )
            panel.plot(
                of_bins.ranks,
                of_bins.frequencies,
                "o",
                color=CATEGORIES[1],
                markersize=2.5,
                label="mean over ranks",
            )
            panel.set_title(f"{arm}: {_slope_text(of_bins)}", fontsize=8)
            panel.tick_params(labelsize=7)
            panel.grid()
        for panel in panels[-3:]:
            panel.set_xlabel("rank of the token in the corpus", fontsize=8)
        figure.supylabel("share of all masked tokens", fontsize=9)
        figure.legend(*panels[0].get_legend_handles_labels(), loc=LEGEND_BESIDE)
        figure.suptitle(f"{title}\nthe corpus: {_slope_text(corpus)}", fontsize=10)
        return rendered(figure)


def draw_overlap(
    arms: Sequence[str], overlap: np.ndarray, by_chance: np.ndarray, title: str
) -> Picture:
    """Draw Jaccard coefficients [A, A] below the diagonal, and above it those of the controls.

    Below, the colour says how many times as much it is as by chance.
    """
    number = len(arms)
    below = np.tri(number, k=-1, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.nan_to_num(np.log2(overlap / by_chance), nan=0.0)  # nothing to share: no colour
    shades = LinearSegmentedColormap.from_list("times", [CATEGORIES[1], "#ffffff", CATEGORIES[0]])
    most = np.log2(_MOST_TIMES)
    norm = Normalize(-most, most, clip=True)
    side = max(2.4, 0.32 * number)
    with picture(side + 3.2, side + 2.2) as figure:
        axes = figure.subplots()
        coloured = np.ma.masked_where(~below, times)
        mesh = axes.pcolormesh(coloured, cmap=shades, norm=norm, edgecolor="white", linewidth=0.8)
        for row, column in zip(*np.nonzero(~np.eye(number, dtype=bool)), strict=True):
            value, ink = by_chance[row, column], CATEGORIES[-1]
            if below[row, column]:
                value, ink = overlap[row, column], _ink_on(shades(norm(times[row, column])))
            axes.text(column + 0.5, row + 0.5, f"{100 * value:.0f}", color=ink, **_CENTRED)
        bar = figure.colorbar(mesh, shrink=0.6, label="times the overlap by chance")
        bar.set_ticks([-most, -most / 2, 0, most / 2, most], labels=["1/4", "1/2", "1", "2", "4"])
        bar.outline.set_visible(False)
        middles = np.arange(number) + 0.5
        axes.set_xticks(middles, arms, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(middles, arms)
        axes.set_ylim(number, 0)
        axes.set_aspect("equal")
        axes.tick_params(length=0, labelsize=8)
        for spine in axes.spines.values():
            spine.set_visible(False)
        figure.suptitle(title, fontsize=10)
        return rendered(figure)


def draw_budgets(budgets: Mapping[str, Budget], title: str) -> Picture:
    """Draw what each arm masks, a panel for each measure of it; a control is drawn lighter."""
    measured = {
        name: [measure(budget) for budget in budgets.values()] for name, measure in _BUDGET.items()
    }
    # Most policies make no insertions, and drop no rows; tokens are masked by all.
    shown = {name: values for name, values in measured.items() if any(values)} or measured
    colours = [SHADES["light"] if arm.endswith(CONTROL) else CATEGORIES[0] for arm in budgets]
    with picture(1.8 + 1.9 * len(shown), _LINE * len(budgets) + 1.2) as figure:
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for panel, (name, values) in zip(panels, shown.items(), strict=True):
            panel.barh(range(len(values)), values, 0.7, color=colours)
            for y, value in enumerate(values):
                panel.text(value, y, f" {value:.3g}", va="center", fontsize=7)
            panel.set_xlim(0, 1.22 * max(values) or 1)
            panel.set_xlabel(name)
            panel.locator_params(axis="x", nbins=4)
            panel.grid(axis="x")
        _rows_from_top(panels[0], list(budgets))
        for panel in panels[1:]:
            panel.tick_params(axis="y", length=0)
        figure.suptitle(title, fontsize=10)
        return rendered(figure)


def _rows_from_top(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)


def _slope_text(bins: Bins) -> str:
    return "no slope" if bins.slope is None else f"slope {bins.slope:.2f}".replace("-", "−")


def _ink_on(colour: Any) -> str:
    """What is read on a colour: its luminance decides."""
    red, green, blue = to_rgb(colour)
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.6 else "white"
