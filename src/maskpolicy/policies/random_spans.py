"""Random spans with geometric lengths (SpanBERT) or with a fixed mean (T5)."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import budget_of, find_units, longest_row, unit_flags
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.placement import draw_lengths, place_spans
from maskpolicy.randomness import below, draw, stream

_NO_DISTRIBUTION = np.empty(0, np.float64)


class RandomSpans:
    """Spans of whole units at random places, every placement of separate spans equally likely.

    Geometric lengths: SpanBERT (Joshi et al. 2020, section 3.1), Geo(p) up to `longest` units;
    spans are drawn until the budget is spent, the last one is cut to meet it. SpanBERT's released
    code cuts it inside a word and lets spans run into each other; here neither happens.
    Fixed mean: T5 (Raffel et al. 2020, section 3.3.4): budget / mean spans, every split of the
    budget among them equally likely. T5 places spans so that a row always ends masked; here it need
    not.

    Budget: exactly `rate` of the units (see `budget_of`). Spans are a unit apart at least, where
    the rate leaves room. Units near the ends of a row are in fewer spans, as for all these
    policies.
    """

    def __init__(self, spec: specs.RandomSpans) -> None:
        self.rate = spec.rate
        self.unit = spec.unit
        if isinstance(spec.lengths, specs.GeometricLengths):
            self.distribution, self.mean = geometric_distribution(spec.lengths), 0.0
        else:
            self.distribution, self.mean = _NO_DISTRIBUTION, spec.lengths.mean

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly the budget of each row, in spans."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_spans(
            address.key(),
            batch.rows,
            batch.offsets,
            unit_flags(batch, self.unit),
            self.rate,
            self.distribution,
            self.mean,
            mask,
        )
        return Decisions(mask)


def geometric_distribution(lengths: specs.GeometricLengths) -> np.ndarray:
    """P(length <= 1), P(length <= 2), ..., of Geo(p) given length <= `longest`: float64."""
    probabilities = lengths.p * (1 - lengths.p) ** np.arange(lengths.longest)
    return np.cumsum(probabilities / probabilities.sum())


@njit(cache=True)
def _choose_spans(key, rows, offsets, flags, rate, distribution, mean, mask):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    lengths = np.empty(longest + 1, np.int32)
    begins = np.empty(longest + 1, np.int32)
    chosen = np.empty(longest + 1, np.bool_)

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        budget = budget_of(rate, n)
        if budget == 0:
            continue
        random = stream(key, rows[b])
        counter = 0
        if len(distribution):
            counter = spans = draw_lengths(random, 0, distribution, budget, lengths)
        else:
            spans = int(np.floor(budget / mean + 0.5))
            spans = min(max(spans, 1), budget, n - budget + 1)
            # Choose the spans - 1 units of the budget, other than the last, that end a span.
            for i in range(budget):
                chosen[i] = i == budget - 1
            for j in range(budget - spans, budget - 1):  # Floyd
                end = below(draw(random, counter), j + 1)
                counter += 1
                chosen[j if chosen[end] else end] = True
            length, s = 0, 0
            for i in range(budget):
                length += 1
                if chosen[i]:
                    lengths[s] = length
                    length = 0
                    s += 1
        place_spans(random, counter, lengths, spans, n, chosen, begins)
        for s in range(spans):
            begin, end = bounds[begins[s]], bounds[begins[s] + lengths[s]]
            for i in range(first + begin, first + end):
                mask[i] = True
