"""Frequency of being masked against token-frequency rank (Ye et al. 2021, section 6.2)."""

from dataclasses import dataclass

import numpy as np

BINS_PER_DECADE = 5
"""Of ranks: the first ones are bins of their own, later ones hold more and more."""


@dataclass(frozen=True)
class Bins:
    """Frequencies averaged over bins of ranks; [N] bins, those without any token left out.

    ranks: one for each bin, such that frequencies c/rank average to c/ranks, exactly.
    """

    ranks: np.ndarray
    frequencies: np.ndarray

    @property
    def slope(self) -> float | None:
        """The exponent of rank: a least-squares line through the logarithms of the bins.

        Through bins because of single tokens the rare ones would count most, by their number, and
        those that are never masked have no logarithm. None where there are fewer than two bins.
        """
        return None if len(self.ranks) < 2 else float(self._line[0])

    @property
    def fitted(self) -> np.ndarray:
        """The frequencies of that line, [N]; as they are where there is none."""
        if len(self.ranks) < 2:
            return self.frequencies
        return np.exp(np.polyval(self._line, np.log(self.ranks)))

    @property
    def _line(self) -> np.ndarray:
        return np.polyfit(np.log(self.ranks), np.log(self.frequencies), 1)


def ranked_types(types: np.ndarray) -> np.ndarray:
    """The ids of the tokens that occur, the most frequent first: int64 [R]. `types` int64 [V]."""
    order = np.argsort(-types, kind="stable")
    return order[types[order] > 0]


def frequencies(counts: np.ndarray) -> np.ndarray:
    """Counts as shares of their sum; 0 where that is 0."""
    return counts / max(1, counts.sum())


def harmonic(ranks: int) -> np.ndarray:
    """Zipf's law: frequencies that go with 1/rank and add up to one, [R]."""
    inverse = 1 / np.arange(1, ranks + 1)
    return inverse / inverse.sum()


def binned(by_rank: np.ndarray) -> Bins:
    """Average frequencies [R], of rank 1 and on, over bins of about the same width of logarithm."""
    number = len(by_rank)
    powers = np.arange(BINS_PER_DECADE * np.log10(max(1, number)) + 1)
    edges = np.unique(np.rint(10 ** (powers / BINS_PER_DECADE)).astype(int) - 1)
    edges = edges[edges < number]
    if not len(edges):
        return Bins(np.zeros(0), np.zeros(0))
    sizes = np.diff([*edges, number])
    ranks = sizes / np.add.reduceat(1 / np.arange(1, number + 1), edges)
    means = np.add.reduceat(by_rank, edges) / sizes
    return Bins(ranks[means > 0], means[means > 0])
