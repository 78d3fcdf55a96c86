"""The pictures of the variance analysis, readable without the paper beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import gaussian_kde

from maskpolicy.analysis.estimates import Estimate, VarianceSummary
from maskpolicy.drawing.palette import CATEGORIES, FAINT, SHADES
from maskpolicy.drawing.pictures import Picture, picture, rendered
from maskpolicy.statistics.paired import CONFIDENCE

_EXPLORED, _INDEPENDENT, *_ = CATEGORIES
_LIGHT = SHADES["light"]
_DASHED: dict[str, Any] = {"linewidth": 1.1, "linestyle": (0, (4, 3))}
_DISTANCE = "Hamming distance of the two masks (tokens)"
_COVARIANCE = "covariance of two masks' gradients\n(share of the variance of one mask's)"
_INTERVAL = f"{CONFIDENCE:.0%} interval over sequences"


def draw_distributions(summary: VarianceSummary, covariances: np.ndarray, about: str) -> Picture:
    """Draw the distribution of covariances [S, P, D] at each distance.

    After Zheng et al. 2020, figure 2. Identical masks, the first distance, are left out: their
    covariance is a squared length.
    """
    distances = summary.distances[1:]
    pairs = covariances[:, :, 1:].reshape(-1, len(distances))
    low, high = np.quantile(pairs, [0.005, 0.995])
    room = 0.05 * (high - low)
    along = np.linspace(low - room, high + room, 400)
    densities = np.array([gaussian_kde(of_distance)(along) for of_distance in pairs.T])
    densities *= 1.8 / densities.max()  # each curve stands on a line of its own, its neighbours' 1
    with picture(6.4, 4.6) as figure:
        axes = figure.subplots()
        for d, density in reversed(list(enumerate(densities))):
            axes.fill_between(
                along, d, d + density, color=_LIGHT, alpha=0.8, linewidth=0, zorder=-d
            )
            axes.plot(along, d + density, color=_EXPLORED, linewidth=1.1, zorder=-d)
        axes.set_axisbelow(False)
        means = [each.covariance.value for each in distances]
        axes.plot(means, range(len(means)), "o", color=_INDEPENDENT, markersize=4, label="mean")
        axes.axvline(0, color=FAINT, **_DASHED, zorder=1)
        axes.set_yticks(range(len(distances)), [str(each.distance) for each in distances])
        axes.tick_params(axis="y", length=0)
        axes.set_ylabel(_DISTANCE)
        axes.set_xlabel(_COVARIANCE)
        axes.legend(loc="upper right")
        figure.suptitle(
            f"Gradient covariance of pairs of masks, by Hamming distance\n{about}", fontsize=10
        )
        return rendered(figure)


def draw_covariance(summary: VarianceSummary, about: str) -> Picture:
    """Draw the mean covariance against the Hamming distance (Zheng et al. 2020, figure 3)."""
    distances = [each.distance for each in summary.distances]
    quantiles = [each.quantiles for each in summary.distances]
    with picture(6.4, 4.2) as figure:
        axes = figure.subplots()
        axes.grid(axis="y")
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
        axes.plot(distances, [each.value for each in estimates], color=_EXPLORED, linewidth=1.4)
        _points(axes, distances, estimates, _EXPLORED, f"mean, with {_INTERVAL}")
        axes.plot(
            distances,
            [each.independent_tokens for each in summary.distances],
            color=_INDEPENDENT,
            label="if masked tokens did not influence each other",
            **_DASHED,
        )
        axes.axhline(0, color=FAINT, linewidth=0.9)
        axes.set_xticks(distances)
        axes.set_xlabel(_DISTANCE)
        axes.set_ylabel(_COVARIANCE)
        axes.legend()
        figure.suptitle(
            f"Gradient covariance of two masks against their Hamming distance\n{about}", fontsize=10
        )
        return rendered(figure)


def draw_variances(summary: VarianceSummary, about: str) -> Picture:
    """Draw the variance of K-mask gradients and its prediction (Zheng et al. 2020, theorem 1)."""
    groups = summary.groups
    masks = [group.masks for group in groups]
    with picture(8.6, 3.9) as figure:
        shares, ratios = figure.subplots(1, 2)
        shares.plot(
            [1, *masks],
            [1, *(group.independent_predicted for group in groups)],
            color=_INDEPENDENT,
            label="independent masks, predicted: 1/K",
            **_DASHED,
        )
        independent = [group.independent for group in groups]
        _points(shares, masks, independent, _INDEPENDENT, "independent masks, measured")
        shares.plot(
            [1, *masks],
            [1, *(group.fully_explored_predicted.value for group in groups)],
            color=_EXPLORED,
            label="fully explored, predicted: 1/K + (1 − 1/K) Cov",
            **_DASHED,
        )
        explored = [group.fully_explored for group in groups]
        _points(shares, masks, explored, _EXPLORED, "fully explored, measured")
        shares.set_ylim(bottom=-0.03)  # room for a point at zero
        shares.set_ylabel("variance of the averaged gradient\n(share of that of one mask's)")
        ratios.axhline(1, color=_INDEPENDENT, linewidth=1.1, label="independent masks")
        ratios.plot(
            masks,
            [group.ratio_predicted.value for group in groups],
            color=_EXPLORED,
            label="fully explored, predicted",
            **_DASHED,
        )
        ratio = [group.ratio for group in groups]
        _points(ratios, masks, ratio, _EXPLORED, "fully explored, measured")
        ratios.set_ylim(-0.03, max(1.08, *(1.05 * each.high for each in ratio)))
        ratios.set_ylabel("variance, relative to independent masks")
        for axes, marks in ((shares, [1, *masks]), (ratios, masks)):
            axes.grid(axis="y")
            axes.set_xlabel("masks averaged, K")
            axes.set_xticks(marks)
            axes.set_xlim(0.7, masks[-1] + 0.3)
            axes.legend()
        title = "Variance of a sequence's gradient averaged over K masks"
        figure.suptitle(f"{title}\n{about}; bars: {_INTERVAL}", fontsize=10)
        return rendered(figure)


def _points(
    axes: Axes, along: Sequence[int], estimates: Sequence[Estimate], color: str, label: str
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
        fmt="o",
        markersize=4.5,
        linewidth=1.4,
        capsize=3,
        label=label,
    )
