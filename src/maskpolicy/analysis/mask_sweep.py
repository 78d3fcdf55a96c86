"""The sweep over K: scores against the number of masks that a fully-explored policy draws."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes

from maskpolicy.config import NO_POLICY
from maskpolicy.evaluation.metrics import METRICS
from maskpolicy.reporting.palette import CATEGORIES, FAINT, INK, SHADES
from maskpolicy.reporting.pictures import Picture, picture, rendered, write_picture
from maskpolicy.statistics.paired import CONFIDENCE
from maskpolicy.statistics.significance import Column, Significance


def draw_mask_sweep(significance: Path, masks: Mapping[str, int], folder: Path, name: str) -> None:
    """Draw the score of each arm of `masks` against its K (paper B, figure 4, right).

    `masks` maps the fully-explored arms of a table to their K; other arms are lines to compare
    with. Writes NAME.svg, NAME.png and NAME.csv to `folder`. Raises ArtefactError, naming the file.
    """
    table = Significance.read(significance)
    rows = [
        {
            "task": column.task,
            "metric": column.metric,
            "arm": arm.arm,
            "masks": masks.get(arm.arm),
            "mean": arm.mean,
            "low": arm.interval[0] if arm.interval else None,
            "high": arm.interval[1] if arm.interval else None,
        }
        for column in table.columns
        for arm in column.arms
    ]
    write_picture(folder, name, _draw(table, masks), rows)


def _draw(table: Significance, masks: Mapping[str, int]) -> Picture:
    with picture(1.8 + 3.4 * len(table.columns), 3.4) as figure:
        panels = figure.subplots(1, len(table.columns), squeeze=False)[0]
        for panel, column in zip(panels, table.columns, strict=True):
            _draw_column(panel, column, masks)
        figure.suptitle(
            "Masks per sequence of fully-explored masking"
            f" (bars: {CONFIDENCE:.0%} interval over runs)",
            fontsize=10,
        )
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        return rendered(figure)


def _draw_column(panel: Axes, column: Column, masks: Mapping[str, int]) -> None:
    colours = iter(CATEGORIES[1:] * len(column.arms))
    explored = sorted((masks[arm.arm], arm) for arm in column.arms if arm.arm in masks)
    panel.plot(
        [k for k, _ in explored],
        [100 * arm.mean for _, arm in explored],
        color=SHADES["dark"],
        marker="o",
        linewidth=1.4,
        label="fully-explored",
    )
    for k, arm in explored:
        if arm.interval:
            panel.plot([k, k], [100 * bound for bound in arm.interval], color=INK, linewidth=1.1)
    for arm in column.arms:
        if arm.arm not in masks:
            colour = FAINT if arm.arm == NO_POLICY else next(colours)
            panel.axhline(
                100 * arm.mean, color=colour, linestyle=(0, (4, 3)), linewidth=1, label=arm.arm
            )
    panel.set_xticks([k for k, _ in explored])
    panel.set_xlabel("K, masks that do not overlap")
    panel.set_ylabel(f"{column.task} {METRICS[column.metric].label} (×100)")
    panel.grid(axis="y")
