"""A weighted mixture of policies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.base import Policy
from maskpolicy.randomness import draw, stream, uniform


class Mixture:
    """Each row is masked by one of several policies, drawn with their weights anew in every epoch.

    Budget: that of the policy drawn. A group of fully-explored masks is spread over the epochs in
    which that policy is drawn for the row, so it may stay incomplete.
    """

    def __init__(
        self, policies: Sequence[Policy], weights: Sequence[float], *, inserts: bool
    ) -> None:
        """`inserts`: whether any of the policies may insert masks."""
        self.policies = tuple(policies)
        self.shares = np.cumsum(weights) / np.sum(weights)
        self.inserts = inserts

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Decide each row with the policy drawn for it."""
        drawn = _draw_policies(address.key(), batch.rows, self.shares)
        sizes = np.diff(batch.offsets)
        mask = np.zeros(len(batch.input_ids), np.bool_)
        insertions = np.zeros(len(mask), np.bool_)
        for index, policy in enumerate(self.policies):
            part = _select(batch, drawn == index)
            own = replace(address, policy=f"{address.policy}/{index}")
            decisions = policy.decide(part, own)
            tokens = np.repeat(drawn == index, sizes)
            mask[tokens] = decisions.mask
            if decisions.insertions is not None:
                insertions[tokens] = decisions.insertions
        return Decisions(mask, insertions if self.inserts else None)


def _select(batch: TokenBatch, rows: np.ndarray) -> TokenBatch:
    annotations = batch.annotations
    return TokenBatch(
        batch.tokens.filter(rows), None if annotations is None else annotations.filter(rows)
    )


@njit(cache=True)
def _draw_policies(key, rows, shares):
    drawn = np.empty(len(rows), np.int64)
    for b in range(len(rows)):
        point = uniform(draw(stream(key, rows[b]), 0))
        drawn[b] = min(np.searchsorted(shares, point, side="right"), len(shares) - 1)
    return drawn
