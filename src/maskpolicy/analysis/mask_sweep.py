"""The sweep over K: scores against the number of masks that a fully-explored policy draws."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from maskpolicy.arms import NO_POLICY
from maskpolicy.drawing.palette import CATEGORIES, FAINT
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
)
from maskpolicy.statistics.paired import CONFIDENCE
from maskpolicy.statistics.significance import AVERAGE, Column, Significance


def draw_mask_sweep(significance: Path, masks: Mapping[str, int], folder: Path, name: str) -> None:
    """Draw the score of each arm of `masks` against its K (Zheng et al. 2020, figure 4, right).

    `masks` maps the fully-explored arms of a table to their K; other arms are lines to compare
    with. Writes NAME.svg, NAME.png and NAME.csv to `folder`. Raises ArtefactError, naming the file.
    """
    columns = Significance.read(significance).blocks[0].columns
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
        for column in columns
        for arm in column.arms
    ]
    write_picture(folder, name, _draw(columns, masks), rows)


def _draw(columns: Sequence[Column], masks: Mapping[str, int]) -> Picture:
    with picture_of_panels(len(columns), 4.0, 3.1, beside=2.0) as (figure, panels):
        for panel, column in zip(panels, columns, strict=True):
            _draw_column(panel, column, masks)
        figure.legend(*panels[0].get_legend_handles_labels(), loc=LEGEND_BESIDE)
        figure.suptitle(
            "Downstream score against K, the masks that explore a sequence in one step\n"
            f"bars: {CONFIDENCE:.0%} interval over runs; dashed: the other arms",
            fontsize=10,
        )
        return rendered(figure)


def _draw_column(panel: Axes, column: Column, masks: Mapping[str, int]) -> None:
    colour, *others = CATEGORIES
    explored = sorted(
        (arm for arm in column.arms if arm.arm in masks), key=lambda arm: masks[arm.arm]
    )
    panel.plot(
        [masks[arm.arm] for arm in explored],
        [100 * arm.mean for arm in explored],
        color=colour,
        marker="o",
        markersize=4.5,
        linewidth=1.4,
        label="fully-explored",
    )
    for arm in explored:
        if arm.interval:
            bounds = [100 * bound for bound in arm.interval]
            panel.plot([masks[arm.arm]] * 2, bounds, color=colour, linewidth=1.4)
    compared = [arm for arm in column.arms if arm.arm not in masks]
    colours = iter(others * len(compared))
    for arm in compared:
        panel.axhline(
            100 * arm.mean,
            color=FAINT if arm.arm == NO_POLICY else next(colours),
            linestyle=(0, (4, 3)),
            linewidth=1.2,
            label=arm.arm,
        )
    panel.set_title(column.title if column.task == AVERAGE else column.task, fontsize=9)
    panel.set_xticks(sorted(set(masks.values())))
    panel.set_xlabel("K, masks that do not overlap")
    panel.set_ylabel(f"{column.label} (×100)")
    panel.grid(axis="y")
