"""Random tokens, words or sentences: an exact number in each row."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import budget_of, find_units, longest_row, unit_flags
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.randomness import below, draw, stream


class RandomUnits:
    """A fixed share of the units of each row, drawn uniformly without replacement.

    Tokens: "Rand" (Ye et al. 2021, section 4.1), and BERT's masking with an exact count. Words:
    whole-word masking (Devlin et al. 2019, later release). Sentences: "MaskRandomSent" (Ye et al.
    2021, section 4.1).

    Budget: exactly `rate` of the units (see `budget_of`); so every unit, and every token, is masked
    with the same probability. The number of *tokens* is exact for tokens; otherwise it lies between
    what so many of the shortest and of the longest units of the row hold.
    """

    def __init__(
        self, spec: specs.RandomTokens | specs.WholeWord | specs.MaskRandomSentences
    ) -> None:
        self.rate = spec.rate
        self.unit = spec.unit

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly the budget of each row, in whole units."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        flags = unit_flags(batch, self.unit)
        _choose_units(address.key(), batch.rows, batch.offsets, flags, self.rate, mask)
        return Decisions(mask)


@njit(cache=True)
def _choose_units(key, rows, offsets, flags, rate, mask):
    bounds = np.empty(longest_row(offsets) + 1, np.int32)
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        random = stream(key, rows[b])
        # Floyd's sampling without replacement: as many draws as units, no shuffling of n positions.
        for j in range(n - budget_of(rate, n), n):
            chosen = below(draw(random, j), j + 1)
            if mask[first + bounds[chosen]]:
                chosen = j
            for i in range(first + bounds[chosen], first + bounds[chosen + 1]):
                mask[i] = True
