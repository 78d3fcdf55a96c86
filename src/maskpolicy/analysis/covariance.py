"""Means, variances and covariances of gradients, never holding more than a group of them.

Variance and covariance of gradients are numbers: the traces of the matrices (Zheng et al. 2020,
equations 5 to 8). They are summed in float64 over blocks of parameters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from maskpolicy.analysis.gradients import Gradients
from maskpolicy.analysis.mask_sets import MaskSets, MiniBatch

BLOCK = 1 << 18
"""Numbers of each gradient that are turned into float64 at once."""


class RunningVariance:
    """Mean and variance of gradients that come in batches; it holds one gradient, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Gradients = []
        self.squares = 0.0

    def add(self, gradients: Gradients) -> None:
        """Take in the gradients of M masks."""
        self.count += len(gradients[0])
        if not self.total:
            self.total = [torch.zeros_like(each[0], dtype=torch.float64) for each in gradients]
        for total, each in zip(self.total, gradients, strict=True):
            for sums, block in zip(total.split(BLOCK), each.split(BLOCK, dim=1), strict=True):
                exact = block.double()
                sums += exact.sum(dim=0)
                self.squares += float(exact.square().sum())

    @property
    def mean(self) -> Gradients:
        """The mean gradient, a float64 [size] tensor for each parameter."""
        return [total / self.count for total in self.total]

    @property
    def variance(self) -> float:
        """The unbiased sample variance: the sum of those of all parameters."""
        of_sum = sum(float(total.square().sum()) for total in self.total)
        return (self.squares - of_sum / self.count) / (self.count - 1)


def centred_products(gradients: Gradients, mean: Gradients) -> np.ndarray:
    """(g_i - mean)ᵀ (g_j - mean) of all pairs of M gradients, float64 [M, M]."""
    number = len(gradients[0])
    products = torch.zeros(number, number, dtype=torch.float64, device=gradients[0].device)
    for each, centre in zip(gradients, mean, strict=True):
        for block, part in zip(each.split(BLOCK, dim=1), centre.split(BLOCK), strict=True):
            centred = block.double() - part
            products += centred @ centred.T
    return products.cpu().numpy()


@dataclass(frozen=True)
class Measurements:
    """What was measured of S sequences, float64. Covariances are centred by the mean gradient.

    loss [S], mean loss in nats; variance [S] of a single mask's gradient, over all masks of the
    reference and of groups; pairs [S, P, D], covariance of mask 0 with mask d; independent
    [S, G, K, K] and fully_explored [S, 2 G, K, K], covariances of the masks of a group. Estimates
    of what is about zero may lie below it.
    """

    loss: np.ndarray
    variance: np.ndarray
    pairs: np.ndarray
    independent: np.ndarray
    fully_explored: np.ndarray


def measure_covariances(
    gradients_of: Callable[[np.ndarray, np.ndarray], tuple[Gradients, np.ndarray]],
    sequences: MiniBatch,
    masks: MaskSets,
    batch_size: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Measurements:
    """Measure the gradients (see `MaskGradients`) of every sequence under all its masks.

    The mean gradient of a sequence is estimated from R reference masks that occur in no pair or
    group. Its error adds Var / R to every product on average, which is subtracted, so covariances
    are unbiased. `advance` is told how many masks are done.
    """
    measured = [
        _measure_sequence(gradients_of, ids, sets, batch_size, advance)
        for ids, *sets in zip(
            sequences.input_ids,
            masks.reference,
            masks.pairs,
            masks.independent,
            masks.fully_explored,
            strict=True,
        )
    ]
    return Measurements(*(np.array(values) for values in zip(*measured, strict=True)))


def _measure_sequence(
    gradients_of: Callable,
    ids: np.ndarray,
    sets: list[np.ndarray],
    batch_size: int,
    advance: Callable[[int], None],
) -> tuple:
    reference, pairs, independent, fully_explored = sets
    running, losses = RunningVariance(), []
    for start in range(0, len(reference), batch_size):
        gradients, loss = gradients_of(ids, reference[start : start + batch_size])
        running.add(gradients)
        losses.append(loss)
        advance(len(loss))
    mean, variance = running.mean, running.variance

    def products(groups: np.ndarray) -> Iterator[np.ndarray]:
        for group in groups:
            yield centred_products(gradients_of(ids, group)[0], mean) - variance / running.count
            advance(len(group))

    of_pairs = np.array([product[0] for product in products(pairs)])
    of_groups = [np.array(list(products(groups))) for groups in (independent, fully_explored)]
    # Every mask of a group is by itself as random as those of the reference.
    lengths = np.diagonal(np.concatenate(of_groups), axis1=1, axis2=2)
    pooled = (variance * running.count + lengths.sum()) / (running.count + lengths.size)
    return np.concatenate(losses).mean(), pooled, of_pairs, *of_groups
