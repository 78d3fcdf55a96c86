"""The picture of a result table: every arm's mean, interval and single runs."""

from collections.abc import Mapping
from textwrap import fill

from matplotlib.axes import Axes

from maskpolicy.arms import NO_POLICY
from maskpolicy.drawing.palette import FAINT, INK, SHADES
from maskpolicy.drawing.pictures import PANELS_IN_A_ROW, Picture, picture, rendered
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.statistics.significance import Column, Significance
from maskpolicy.tasks.majority import Majority

CHARACTERS_ALONG = 34
"""Of a label, so that it stays within its panel."""


def draw_scores(significance: Significance, majorities: Mapping[str, Majority]) -> Picture:
    """Draw the scores (times 100) of a table, one panel a column, three in a row at most.

    A disc is the mean, filled by the shading of the table; a bar its t interval; small dots are
    runs; the dashed line is the mean without intermediate pre-training, the dotted one, where it is
    near, what the commonest answer of each task scores. The same scores give the same bytes.
    """
    columns = significance.columns
    arms = [arm.arm for arm in columns[0].arms]
    rows, beside = -(-len(columns) // PANELS_IN_A_ROW), min(len(columns), PANELS_IN_A_ROW)
    with picture(max(7.2, 1.4 + 2.6 * beside), rows * (0.8 + 0.36 * len(arms))) as figure:
        figure.set_layout_engine("constrained", wspace=0.06)
        panels = figure.subplots(rows, beside, sharey=True, squeeze=False).ravel()
        for empty in panels[len(columns) :]:
            empty.remove()
        for panel, column in zip(panels, columns, strict=False):
            _draw_column(panel, column, majorities[column.task])
        panels[0].set_yticks(range(len(arms)), arms)
        panels[0].set_ylim(len(arms) - 0.45, -0.55)
        return rendered(figure)


def _draw_column(panel: Axes, column: Column, majority: Majority) -> None:
    for y, arm in enumerate(column.arms):
        mean = 100 * arm.mean
        if arm.arm == NO_POLICY:
            panel.axvline(mean, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        if arm.interval:
            low, high = (100 * bound for bound in arm.interval)
            panel.plot([low, high], [y, y], color=INK, linewidth=1.2, zorder=2)
        colour = SHADES[arm.shade]
        panel.scatter([mean], [y], s=62, color=colour, edgecolor=INK, linewidth=1.1, zorder=3)
        runs = [100 * score for score in arm.scores]
        below = [y + 0.27] * len(runs)
        panel.scatter(runs, below, s=10, color=INK, alpha=0.5, linewidth=0, zorder=4)
    level, (left, right) = 100 * majority.metrics[column.metric], panel.get_xlim()
    if left <= level <= right:  # else the arms would be squeezed into a corner
        panel.axvline(level, color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    label = f"{column.task} {find_metric(column.metric).label} (×100)"
    panel.set_xlabel(fill(label, CHARACTERS_ALONG, break_long_words=False, break_on_hyphens=False))
    panel.grid(axis="x")
    panel.tick_params(length=0)
    panel.spines["left"].set_visible(False)
