"""Random tokens, an exact number in each row."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.policies import specs
from maskpolicy.policies.base import Address, Decisions
from maskpolicy.randomness import below, draw, stream


class RandomTokens:
    """A fixed share of the tokens of each row, drawn uniformly without replacement.

    Paper A, section 4.1 ("Rand").
    """

    inserts = False

    def __init__(self, spec: specs.RandomTokens) -> None:
        self.rate = spec.rate

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly max(1, round(rate * n)) tokens of each row of n."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_tokens(address.key(), batch.rows, batch.offsets, self.rate, mask)
        return Decisions(mask)


@njit(cache=True)
def _choose_tokens(key, rows, offsets, rate, mask):  # noqa: ANN001, ANN202
    for b in range(len(rows)):
        first, n = offsets[b], offsets[b + 1] - offsets[b]
        if n == 0:
            continue
        count = max(1, int(np.floor(rate * n + 0.5)))
        random = stream(key, rows[b])
        # Floyd's sampling without replacement: `count` draws, no shuffling of n positions.
        for j in range(n - count, n):
            chosen = below(draw(random, j), j + 1)
            mask[first + (j if mask[first + chosen] else chosen)] = True
