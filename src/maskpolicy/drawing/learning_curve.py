"""The picture of a training: losses, and whatever else is watched, against epochs or steps."""

from collections.abc import Mapping, Sequence

from maskpolicy.drawing.palette import FAINT
from maskpolicy.drawing.pictures import picture, rendered_svg

Curve = Sequence[tuple[float, float]]
"""Points (epoch or step, value)."""


def draw_learning_curve(
    panels: Mapping[str, Mapping[str, Curve]], axis: str, chosen: float | None = None
) -> str:
    """Draw a panel of named curves for each quantity, over one another; returns an SVG.

    `axis` names what is counted along them ("epoch"); a dashed line marks the `chosen` checkpoint.
    The same curves give the same bytes.
    """
    with picture(5.6, 0.6 + 2.2 * len(panels)) as figure:
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (quantity, curves) in zip(axes, panels.items(), strict=True):
            for name, curve in curves.items():
                panel.plot(*zip(*curve, strict=True), label=name, linewidth=1.4)
            if chosen is not None:
                panel.axvline(chosen, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
            panel.set_ylabel(quantity)
            panel.grid(axis="y")
            if len(curves) > 1:
                panel.legend()
        axes[-1].set_xlabel(axis)
        return rendered_svg(figure)
