"""The masks that gradients are measured for: a few sequences, each under many masks."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corruption.rendering import TokenColumns
from maskpolicy.decisions.base import Address
from maskpolicy.errors import InputError
from maskpolicy.policies import specs
from maskpolicy.policies.base import Policy
from maskpolicy.policies.fully_explored import FullyExplored
from maskpolicy.policies.random_units import RandomUnits
from maskpolicy.randomness import below, draw, draw_rows, key, stream


@dataclass(frozen=True)
class MiniBatch:
    """S sequences of the same length n: rows int64 [S], global row numbers; input_ids [S, n]."""

    rows: np.ndarray
    input_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class MaskSets:
    """The masks of S sequences of n tokens, bool, each with exactly tau tokens.

    reference [S, R, n]: independent and uniform; pairs [S, P, D, n]: mask d is at distance d of the
    analysis from mask 0; independent [S, G, K, n]: groups of K as `reference`; fully_explored
    [S, 2 G, K, n]: groups of K without overlap (Zheng et al. 2020, equation 10).
    """

    reference: np.ndarray
    pairs: np.ndarray
    independent: np.ndarray
    fully_explored: np.ndarray

    @property
    def number(self) -> int:
        """How many masks there are of all sequences."""
        sets = (self.reference, self.pairs, self.independent, self.fully_explored)
        return sum(masks[..., 0].size for masks in sets)


def choose_rows(tokens: TokenColumns, length: int, number: int, seed: int) -> MiniBatch:
    """Draw `number` rows of at least `length` tokens and keep the first `length` of each.

    The choice is the same whatever the number of shards. Raises InputError when there are too few.
    """
    long = np.flatnonzero(np.diff(tokens.offsets) >= length)
    if len(long) < number:
        raise InputError(
            f"rows: {number} rows of {length} tokens are wanted, but the corpus has {len(long)}"
        )
    drawn = draw_rows(key(seed, "mini-batch"), tokens.rows[long])
    chosen = np.sort(long[np.argsort(drawn, kind="stable")[:number]])
    positions = tokens.offsets[chosen][:, None] + np.arange(length)
    return MiniBatch(tokens.rows[chosen], tokens.input_ids[positions])


def draw_masks(sequences: MiniBatch, spec: VarianceAnalysis, seed: int) -> MaskSets:
    """Draw every mask of the analysis; each is a function of (seed, corpus, row) alone."""
    n = sequences.input_ids.shape[1]
    rate, largest = spec.masked / n, spec.largest_group
    batch = TokenBatch.from_lists(
        sequences.input_ids.tolist(), rows=sequences.rows.tolist(), vocabulary_size=1 << 32
    )
    uniform = RandomUnits(specs.RandomTokens(kind="rand", rate=rate))
    exploring = FullyExplored(
        specs.FullyExplored(kind="fully-explored", rate=rate, masks=max(2, largest))
    )

    def masks_of(policy: Policy, purpose: str, epochs: int) -> np.ndarray:
        name = f"variance-{purpose}"
        addresses = (Address(seed, spec.corpus, name, epoch) for epoch in range(epochs))
        decided = [policy.decide(batch, address).mask.reshape(-1, n) for address in addresses]
        return np.stack(decided, axis=1)

    bases = masks_of(uniform, "pairs", spec.pairs)
    pairs = np.repeat(bases[:, :, None], spec.distances, axis=2)
    for pair in range(spec.pairs):
        address = Address(seed, spec.corpus, "variance-pairs", pair).key("exchange")
        _exchange(address, sequences.rows, np.array(spec.exchanged), pairs[:, pair])
    groups = (len(sequences), -1, largest, n)
    return MaskSets(
        masks_of(uniform, "reference", spec.reference),
        pairs,
        masks_of(uniform, "independent", spec.groups * largest).reshape(groups),
        masks_of(exploring, "fully-explored", 2 * spec.groups * largest).reshape(groups),
    )


@njit(cache=True)
def _exchange(key, rows, exchanged, masks):
    """In masks [S, D, n], exchange the first exchanged[d] of the masked tokens of mask d.

    The order of masked and unmasked tokens is random but the same for every d, so that distances
    are compared on masks that have as much as possible in common.
    """
    n = masks.shape[2]
    most = exchanged.max()
    masked, free = np.empty(n, np.int64), np.empty(n, np.int64)
    for b in range(len(rows)):
        tau = 0
        for i in range(n):
            if masks[b, 0, i]:
                masked[tau] = i
                tau += 1
            else:
                free[i - tau] = i
        random = stream(key, rows[b])
        for s in range(most):  # Fisher and Yates, as far as needed
            other = s + below(draw(random, 2 * s), tau - s)
            masked[s], masked[other] = masked[other], masked[s]
            other = s + below(draw(random, 2 * s + 1), n - tau - s)
            free[s], free[other] = free[other], free[s]
        for d in range(len(exchanged)):
            for s in range(exchanged[d]):
                masks[b, d, masked[s]] = False
                masks[b, d, free[s]] = True
