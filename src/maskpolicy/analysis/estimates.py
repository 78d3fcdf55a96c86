"""What measured gradients say: estimates with intervals over sequences, and a verdict in words."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import spearmanr

from maskpolicy.analysis.covariance import Measurements
from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.records import JsonRecord
from maskpolicy.statistics.bootstrap import Resampling

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Estimate(JsonRecord):
    """A value and its bootstrap interval over the sequences of the mini-batch."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class DistanceEstimate(JsonRecord):
    """The covariance of two masks at one Hamming distance, as a share of a mask's variance."""

    distance: int  # tokens that only one of the two masks has
    covariance: Estimate  # mean over pairs and sequences
    independent_tokens: float
    # what it would be if each masked token's part did not depend on the rest of the mask
    quantiles: dict[str, float]  # of single pairs


class GroupEstimate(JsonRecord):
    """The variance of a gradient averaged over K masks, as a share of one mask's (theorem 1)."""

    masks: int  # K
    independent: Estimate
    independent_predicted: float  # 1 / K, for masks drawn independently have no covariance
    fully_explored: Estimate
    fully_explored_predicted: Estimate  # from the variance and covariance of other masks
    excess: Estimate  # of the measured over the predicted fully-explored variance
    ratio: Estimate  # fully-explored / independent, both measured
    ratio_predicted: Estimate


class VarianceSummary(JsonRecord):
    """The result of the analysis: figures 2 and 3 of Zheng et al. 2020, and theorem 1 measured."""

    loss: float  # of masked tokens, nats
    variance: Estimate  # of one mask's gradient, (nats per weight)²
    rank_correlation: Estimate
    # of covariance with distance over the pairs of a sequence (Spearman), identical masks aside
    falls_everywhere: bool  # whether the mean covariance is lower at every larger distance
    distances: list[DistanceEstimate]
    groups: list[GroupEstimate]
    verdict: list[str]


def summarise(measured: Measurements, spec: VarianceAnalysis, seed: int) -> VarianceSummary:
    """Estimate everything with bootstrap intervals over the S sequences.

    Shares are ratios of means over sequences (Zheng et al. 2020, equation 5, where the variance of
    a mini-batch's gradient is the mean of its sequences' over S).
    """
    sample = Resampling(len(measured.variance), seed, "variance-bootstrap")
    distances = list(_distances(measured, spec, sample))
    groups = list(_groups(measured, spec, sample))
    rank_correlation = estimated(sample, _rank_correlations(measured, spec))
    means = [each.covariance.value for each in distances]
    summary = VarianceSummary(
        loss=float(measured.loss.mean()),
        variance=estimated(sample, measured.variance),
        rank_correlation=rank_correlation,
        falls_everywhere=bool(np.all(np.diff(means) < 0)),
        distances=distances,
        groups=groups,
        verdict=[],
    )
    return summary.model_copy(update={"verdict": [*_verdict(summary)]})


def estimated(
    sample: Resampling, values: np.ndarray, divisors: np.ndarray | None = None
) -> Estimate:
    """The mean of values [S], or its ratio to that of `divisors`.

    For the coverage of its interval see :meth:`Resampling.interval`.
    """
    divisors = np.ones(len(values)) if divisors is None else divisors
    low, high = sample.interval((sample.weights @ values) / (sample.weights @ divisors))
    return Estimate(value=float(values.mean() / divisors.mean()), low=low, high=high)


def pair_covariances(measured: Measurements) -> np.ndarray:
    """The covariance of each pair as a share of the mean variance, float64 [S, P, D]."""
    return measured.pairs / measured.variance.mean()


def variance_of_means(products: np.ndarray, masks: int) -> np.ndarray:
    """The variance of a gradient averaged over `masks` masks in each sequence, float64 [S].

    products float64 [S, G, K, K], centred; a group of K masks gives K // `masks` such gradients,
    and the squared length of their centred mean is the mean of the products in it.
    """
    means = [
        products[:, :, start : start + masks, start : start + masks].mean(axis=(2, 3))
        for start in range(0, products.shape[2] - masks + 1, masks)
    ]
    return np.mean(means, axis=(0, 2))


def covariance_of_masks(products: np.ndarray) -> np.ndarray:
    """The mean covariance of two masks of a group in each sequence, float64 [S]."""
    number = products.shape[2]
    within = np.trace(products, axis1=2, axis2=3)
    return ((products.sum(axis=(2, 3)) - within) / (number * (number - 1))).mean(axis=1)


def _distances(
    measured: Measurements, spec: VarianceAnalysis, sample: Resampling
) -> Iterator[DistanceEstimate]:
    means = measured.pairs.mean(axis=1)
    shares = pair_covariances(measured)
    for d, exchanged in enumerate(spec.exchanged):
        quantiles = np.quantile(shares[:, :, d], QUANTILES)
        # The shared tokens of two masks, less what two independent masks share on average.
        slope = spec.length / (spec.masked * (spec.length - spec.masked))
        yield DistanceEstimate(
            distance=2 * exchanged,
            covariance=estimated(sample, means[:, d], measured.variance),
            independent_tokens=1 - exchanged * slope,
            quantiles=dict(zip(map(str, QUANTILES), quantiles.tolist(), strict=True)),
        )


def _groups(
    measured: Measurements, spec: VarianceAnalysis, sample: Resampling
) -> Iterator[GroupEstimate]:
    variance = measured.variance
    # Of the groups that predict none is measured: within the same ones theorem 1 is an identity.
    explored, predicting = np.split(measured.fully_explored, 2, axis=1)
    covariance = covariance_of_masks(predicting)
    for masks in spec.masks:
        independent = variance_of_means(measured.independent, masks)
        of_explored = variance_of_means(explored, masks)
        predicted = variance / masks + (1 - 1 / masks) * covariance
        yield GroupEstimate(
            masks=masks,
            independent=estimated(sample, independent, variance),
            independent_predicted=1 / masks,
            fully_explored=estimated(sample, of_explored, variance),
            fully_explored_predicted=estimated(sample, predicted, variance),
            excess=estimated(sample, of_explored - predicted, variance),
            ratio=estimated(sample, of_explored, independent),
            ratio_predicted=estimated(sample, predicted * masks, variance),
        )


def _rank_correlations(measured: Measurements, spec: VarianceAnalysis) -> np.ndarray:
    exchanged = np.tile(spec.exchanged[1:], measured.pairs.shape[1])
    return np.array(
        [spearmanr(exchanged, pairs[:, 1:].reshape(-1)).statistic for pairs in measured.pairs]
    )


def _verdict(summary: VarianceSummary) -> Iterator[str]:
    first, last = summary.distances[1], summary.distances[-1]
    correlation = summary.rank_correlation
    ends = (
        f"from {first.covariance} of the variance at Hamming distance {first.distance} to "
        f"{last.covariance} at {last.distance} (rank correlation of pairs {correlation})"
    )
    if correlation.high >= 0:
        yield f"The covariance does not fall with the Hamming distance: {ends}."
    elif summary.falls_everywhere:
        yield f"The covariance falls with the Hamming distance, at every step: {ends}."
    else:
        yield f"The covariance falls with the Hamming distance, but not at every step: {ends}."
    for group in summary.groups:
        ratio = group.ratio
        if ratio.high < 1:
            says = "smaller"
        elif ratio.low > 1:
            says = "larger"
        else:
            says = "no difference that can be told"
        yield (
            f"K = {group.masks}: the variance with fully-explored masks is {ratio} of that with "
            f"independent masks: {says}. Theorem 1 predicts {group.ratio_predicted}."
        )
