"""BART's text infilling: spans of Poisson lengths, those of length zero as insertions."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import find_units, longest_row, unit_flags
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.placement import draw_below, insert_masks
from maskpolicy.randomness import below, draw, stream

_NEGLIGIBLE = np.log(1e-7)  # log-probability at which the table of span lengths ends


class TextInfilling:
    """Spans of Poisson lengths at random units (Lewis et al. 2020, BART, section 2.2).

    Distributed as the noise that BART was trained with (fairseq's denoising task, span-poisson):

    - A row of n units has the budget ceil(rate * n). Lengths are drawn until they sum up to it, the
      last one is cut to meet it.
    - Spans begin at distinct random units. They may run into each other, and become one, or into
      the end of the row, which cuts them; so *at most* the budget is masked, at least one unit.
    - Spans that only touch stay two: an insertion separates them.
    - A span of length zero inserts a <mask> before a random token or span. There is at most one in
      a place and none at the end of the row, where that noise would allow both.
    """

    def __init__(self, spec: specs.OrigInfill) -> None:
        self.rate = spec.rate
        self.unit = spec.unit
        self.length_distribution = np.cumsum(poisson_probabilities(spec.mean_span))

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask 1 to ceil(rate * n) of the n units of each row; insert at zero-length spans."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        insertions = np.zeros(len(mask), np.bool_)
        _infill(
            address.key(),
            batch.rows,
            batch.offsets,
            unit_flags(batch, self.unit),
            self.rate,
            self.length_distribution,
            mask,
            insertions,
        )
        return Decisions(mask, insertions)


def poisson_probabilities(mean: float) -> np.ndarray:
    """P(length = 0), P(length = 1), ..., cut where negligible and renormalised: float64."""
    lengths = np.arange(1, int(mean + 10 * np.sqrt(mean)) + 20)
    log_p = -mean + np.cumsum(np.append(0.0, np.log(mean / lengths)))
    probabilities = np.exp(log_p[: np.flatnonzero(log_p > _NEGLIGIBLE)[-1] + 1])
    return probabilities / probabilities.sum()


@njit(cache=True)
def _infill(key, rows, offsets, flags, rate, distribution, mask, insertions):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    order = np.empty(longest + 1, np.int32)
    lengths = np.empty(longest + 1, np.int32)
    extended = np.empty(longest + 1, np.bool_)  # units that a span from further left runs over

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        budget = int(np.ceil(rate * n))
        random = stream(key, rows[b])
        counter = 0

        spans, zero_length = 0, 0
        while budget > 0:
            length = draw_below(random, counter, distribution)
            counter += 1
            if length == 0:
                zero_length += 1
            else:
                lengths[spans] = min(length, budget)
                budget -= lengths[spans]
                spans += 1

        for u in range(n):
            order[u] = u
            extended[u] = False
        for s in range(spans):  # Fisher and Yates, as far as needed
            other = s + below(draw(random, counter), n - s)
            counter += 1
            order[s], order[other] = order[other], order[s]
            begin = order[s]
            end = min(begin + lengths[s], n)
            for u in range(begin + 1, end):
                extended[u] = True
            mask[first + bounds[begin] : first + bounds[end]] = True
        for s in range(spans):
            begin = bounds[order[s]]
            if begin > 0 and mask[first + begin - 1] and not extended[order[s]]:
                insertions[first + begin] = True
        insert_masks(random, counter, zero_length, first, last, mask, insertions)
