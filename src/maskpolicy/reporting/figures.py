"""The picture of a result table: every arm's mean, interval and single runs."""

from textwrap import fill

from matplotlib.axes import Axes

from maskpolicy.arms import NO_POLICY
from maskpolicy.drawing.palette import FAINT, INK, SHADES
from maskpolicy.drawing.pictures import PANELS_IN_A_ROW, Picture, picture, rendered
from maskpolicy.reporting.view import TableView
from maskpolicy.statistics.significance import Column

CHARACTERS_ALONG = 34
"""Of a label, so that it stays within its panel, or leaves the panels room."""

LETTER, LINE = 0.08, 0.18
"""About how wide and high they are, in inches."""


def draw_scores(view: TableView) -> Picture:
    """Draw the scores (times 100) of a table, one panel a column, three in a row at most.

    A disc is the mean, filled by the shading of the table; a bar its t interval; small dots are
    runs; the dashed line is the mean without intermediate pre-training, the dotted one, where it is
    near, what the commonest answer of each task scores. Blocks stand below each other. The same
    scores give the same bytes.
    """
    heads, places, labels = view.columns, [], {}
    first = 0
    for block in view.blocks:
        arms = [arm.arm for arm in block.columns[0].arms]
        if view.several:
            labels[first] = block.heading
            first += 1
        places.append(first)
        labels |= {first + i: block.labels[arm] for i, arm in enumerate(arms)}
        first += len(arms)
    labels = {place: _wrapped(label) for place, label in labels.items()}
    lines = [line for label in labels.values() for line in label.splitlines()]
    most = max(label.count("\n") + 1 for label in labels.values())
    rows, beside = -(-len(heads) // PANELS_IN_A_ROW), min(len(heads), PANELS_IN_A_ROW)
    width = max(1.4, LETTER * max(map(len, lines))) + 2.6 * beside
    with picture(max(7.2, width), rows * (0.8 + max(0.36, LINE * most) * first)) as figure:
        figure.set_layout_engine("constrained", wspace=0.06)
        panels = figure.subplots(rows, beside, sharey=True, squeeze=False).ravel()
        for empty in panels[len(heads) :]:
            empty.remove()
        panels[0].set_yticks(list(labels), list(labels.values()))
        panels[0].set_ylim(first - 0.45, -0.55)
        for panel in panels[: len(heads) : beside]:  # those whose labels are seen
            for tick, place in zip(panel.get_yticklabels(), labels, strict=True):
                tick.set_fontweight("bold" if view.several and place + 1 in places else "normal")
        for panel, head in zip(panels, heads, strict=False):
            for place, column in zip(places, head.columns, strict=True):
                _draw_column(panel, column, place)
            _draw_scale(panel, head.title, 100 * view.majority_score(head))
        return rendered(figure)


def _draw_column(panel: Axes, column: Column, first: int) -> None:
    """Draw the arms of a block from a place on."""
    for y, arm in enumerate(column.arms, first):
        mean = 100 * arm.mean
        if arm.policy == NO_POLICY:
            ends = [first - 0.55, first + len(column.arms) - 0.45]
            dashes = (0, (4, 3))
            panel.plot([mean] * 2, ends, color=FAINT, linewidth=0.9, linestyle=dashes, zorder=1)
        if arm.interval:
            low, high = (100 * bound for bound in arm.interval)
            panel.plot([low, high], [y, y], color=INK, linewidth=1.2, zorder=2)
        colour = SHADES[arm.shade]
        panel.scatter([mean], [y], s=62, color=colour, edgecolor=INK, linewidth=1.1, zorder=3)
        runs = [100 * score for score in arm.scores]
        below = [y + 0.27] * len(runs)
        panel.scatter(runs, below, s=10, color=INK, alpha=0.5, linewidth=0, zorder=4)


def _draw_scale(panel: Axes, title: str, majority: float) -> None:
    left, right = panel.get_xlim()
    if left <= majority <= right:  # else the arms would be squeezed into a corner
        panel.axvline(majority, color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    panel.set_xlabel(_wrapped(f"{title} (×100)"))
    panel.grid(axis="x")
    panel.tick_params(length=0)
    panel.spines["left"].set_visible(False)


def _wrapped(label: str) -> str:
    return fill(label, CHARACTERS_ALONG, break_long_words=False, break_on_hyphens=False)
