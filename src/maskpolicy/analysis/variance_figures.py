"""The pictures of the variance analysis, readable without the paper beside them."""

from io import BytesIO

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from maskpolicy.analysis.estimates import Estimate, VarianceSummary
from maskpolicy.reporting.palette import FAINT, INK, SHADES
from maskpolicy.statistics.paired import CONFIDENCE

_STYLE = {
    "svg.hashsalt": "maskpolicy",  # ids of SVG elements are the same every time
    "svg.fonttype": "none",  # text stays text
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6eaee",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
_DARK, _LIGHT = SHADES["dark"], SHADES["light"]
_OTHER = "#b5651d"
_DASHED = (0, (4, 3))
_COVARIANCE = "covariance of two masks' gradients\n(share of the variance of one mask's)"
_INTERVAL = f"{CONFIDENCE:.0%} interval over sequences"

Picture = tuple[str, bytes]
"""The same picture as SVG and as PNG; the same data gives the same bytes."""


def draw_distributions(summary: VarianceSummary, covariances: np.ndarray, about: str) -> Picture:
    """Draw the distribution of covariances [S, P, D] at each distance (paper B, figure 2).

    Identical masks, the first distance, are left out: their covariance is a squared length.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.6), layout="constrained")
        axes = figure.subplots()
        distances = summary.distances[1:]
        pairs = covariances[:, :, 1:].reshape(-1, len(distances))
        low, high = np.quantile(pairs, [0.005, 0.995])
        room = 0.05 * (high - low)
        along = np.linspace(low - room, high + room, 400)
        densities = np.array([gaussian_kde(pairs[:, d])(along) for d in range(len(distances))])
        # Each curve stands on its own line and may reach over the next but one.
        densities *= 1.8 / densities.max()
        for d in reversed(range(len(distances))):
            layer = 2 * (len(distances) - d)
            axes.fill_between(
                along, d, d + densities[d], color=_LIGHT, alpha=0.85, linewidth=0, zorder=layer
            )
            axes.plot(along, d + densities[d], color=_DARK, linewidth=1.1, zorder=layer + 0.5)
        means = [each.covariance.value for each in distances]
        axes.plot(
            means,
            range(len(distances)),
            "o",
            color=_OTHER,
            markersize=4,
            zorder=3 * len(distances),
            label="mean",
        )
        axes.axvline(0, color=FAINT, linewidth=0.9, linestyle=_DASHED, zorder=100)
        axes.set_yticks(range(len(distances)), [str(each.distance) for each in distances])
        axes.grid(axis="y", visible=False)
        axes.set_ylabel("Hamming distance of the two masks (tokens)")
        axes.set_xlabel(_COVARIANCE)
        axes.legend(loc="upper right")
        _entitle(figure, "Gradient covariance of pairs of masks, by Hamming distance", about)
        return _rendered(figure)


def draw_covariance(summary: VarianceSummary, about: str) -> Picture:
    """Draw the mean covariance against the Hamming distance (paper B, figure 3)."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        distances = [each.distance for each in summary.distances]
        quantiles = [each.quantiles for each in summary.distances]
        for low, high, alpha in (("0.05", "0.95", 0.35), ("0.25", "0.75", 0.8)):
            axes.fill_between(
                distances,
                [each[low] for each in quantiles],
                [each[high] for each in quantiles],
                color=_LIGHT,
                alpha=alpha,
                linewidth=0,
                label=f"single pairs, {float(low):.0%} to {float(high):.0%}",
            )
        estimates = [each.covariance for each in summary.distances]
        _points(axes, distances, estimates, _DARK, f"mean, with {_INTERVAL}", line=True)
        axes.plot(
            distances,
            [each.independent_tokens for each in summary.distances],
            color=_OTHER,
            linewidth=1.1,
            linestyle=_DASHED,
            label="if masked tokens did not influence each other",
        )
        axes.axhline(0, color=FAINT, linewidth=0.9)
        axes.set_xticks(distances)
        axes.set_xlabel("Hamming distance of the two masks (tokens)")
        axes.set_ylabel(_COVARIANCE)
        axes.legend()
        _entitle(figure, "Gradient covariance of two masks against their Hamming distance", about)
        return _rendered(figure)


def draw_variances(summary: VarianceSummary, about: str) -> Picture:
    """Draw the variance of K-mask gradients and what theorem 1 of paper B predicts for it."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.6, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        groups = summary.groups
        masks = [group.masks for group in groups]
        left.plot(
            [1, *masks],
            [1, *(group.independent_predicted for group in groups)],
            color=_OTHER,
            linestyle=_DASHED,
            linewidth=1.1,
            label="independent masks, predicted: 1/K",
        )
        left.plot(
            [1, *masks],
            [1, *(group.fully_explored_predicted.value for group in groups)],
            color=_DARK,
            linestyle=_DASHED,
            linewidth=1.1,
            label="fully explored, predicted: 1/K + (1 − 1/K) Cov",
        )
        independent = [group.independent for group in groups]
        _points(left, masks, independent, _OTHER, "independent masks, measured")
        explored = [group.fully_explored for group in groups]
        _points(left, masks, explored, _DARK, "fully explored, measured")
        left.set_ylim(bottom=min(0, *(each.low for each in explored)))
        left.set_ylabel("variance of the averaged gradient\n(share of the variance of one mask's)")
        right.plot(
            masks,
            [group.ratio_predicted.value for group in groups],
            color=_DARK,
            linestyle=_DASHED,
            linewidth=1.1,
            label="predicted by theorem 1",
        )
        _points(right, masks, [group.ratio for group in groups], _DARK, "measured")
        right.axhline(1, color=_OTHER, linewidth=1.1, label="independent masks")
        right.set_ylim(0, max(1.08, *(1.05 * group.ratio.high for group in groups)))
        right.set_ylabel("variance, fully explored / independent")
        for axes, marks in ((left, [1, *masks]), (right, masks)):
            axes.set_xlabel("masks averaged, K")
            axes.set_xticks(marks)
            axes.legend()
        right.set_xlim(left.get_xlim())
        title = "Variance of a sequence's gradient averaged over K masks"
        _entitle(figure, title, f"{about}; bars: {_INTERVAL}")
        return _rendered(figure)


def _points(
    axes: matplotlib.axes.Axes,
    along: list[int],
    estimates: list[Estimate],
    color: str,
    label: str,
    line: bool = False,
) -> None:
    values = np.array([each.value for each in estimates])
    # A percentile interval need not hold the estimate itself.
    below = np.maximum(0, values - [each.low for each in estimates])
    above = np.maximum(0, [each.high for each in estimates] - values)
    axes.errorbar(
        along,
        values,
        yerr=[below, above],
        color=color,
        fmt="o-" if line else "o",
        markersize=4.5,
        linewidth=1.4,
        capsize=3,
        label=label,
    )


def _entitle(figure: Figure, title: str, about: str) -> None:
    figure.suptitle(f"{title}\n", x=0.02, ha="left", fontsize=11, fontweight="bold")
    figure.text(0.02, 0.955 - 0.16 / figure.get_figheight(), about, va="top", color=FAINT)


def _rendered(figure: Figure) -> Picture:
    svg, png = BytesIO(), BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return svg.getvalue().decode(), png.getvalue()
