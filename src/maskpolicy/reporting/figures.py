"""The picture of a result table: every arm's mean, interval and single runs."""

from io import BytesIO

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskpolicy.config import NO_POLICY
from maskpolicy.evaluation.metrics import METRICS
from maskpolicy.reporting.palette import FAINT, INK, SHADES
from maskpolicy.statistics.significance import Column, Significance

_STYLE = {
    "svg.hashsalt": "maskpolicy",  # ids of SVG elements are the same every time
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw_scores(significance: Significance) -> tuple[str, bytes]:
    """Draw the scores (times 100) of a table, one panel a column; returns an SVG and a PNG.

    A disc is the mean, filled by the shading of the table; a bar its t interval; small dots are
    runs; the dashed line is the mean without intermediate pre-training. The same scores give the
    same bytes.
    """
    columns = significance.columns
    arms = [arm.arm for arm in columns[0].arms]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(
            figsize=(max(7.2, 1.4 + 2.6 * len(columns)), 0.8 + 0.36 * len(arms)),
            layout="constrained",
        )
        figure.get_layout_engine().set(wspace=0.06)
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for panel, column in zip(panels, columns, strict=True):
            _draw_column(panel, column)
        panels[0].set_yticks(range(len(arms)), arms)
        panels[0].set_ylim(len(arms) - 0.45, -0.55)
        svg, png = BytesIO(), BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return svg.getvalue().decode(), png.getvalue()


def _draw_column(panel: Axes, column: Column) -> None:
    for y, arm in enumerate(column.arms):
        mean = 100 * arm.mean
        if arm.arm == NO_POLICY:
            panel.axvline(mean, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        if arm.interval:
            low, high = (100 * bound for bound in arm.interval)
            panel.plot([low, high], [y, y], color=INK, linewidth=1.2, zorder=2)
        fill = SHADES[arm.shade]
        panel.scatter([mean], [y], s=62, color=fill, edgecolor=INK, linewidth=1.1, zorder=3)
        runs = [100 * score for score in arm.scores]
        below = [y + 0.27] * len(runs)
        panel.scatter(runs, below, s=10, color=INK, alpha=0.5, linewidth=0, zorder=4)
    panel.set_xlabel(f"{column.task} {METRICS[column.metric].label} (×100)")
    panel.grid(axis="x", color="#e6eaee", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
