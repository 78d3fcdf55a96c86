"""Fully-explored masking: the masks of a row come in groups that don't overlap."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import find_units, longest_row, unit_flags
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.placement import draw_below
from maskpolicy.policies.random_spans import geometric_distribution
from maskpolicy.randomness import below, draw, stream

_SINGLE_UNITS = np.empty(0, np.float64)


class FullyExplored:
    """K masks of tau units each that share no unit (Zheng et al. 2020, eq. 10 and algorithm 1).

    Mask k of group g is the mask of epoch g * K + k: K successive epochs explore a row. Each row's
    units are put in random order, and mask k takes the k-th tau of them. Single units (tokens or
    words) are in uniformly random order, so each mask is uniform over all of tau units (lemma 2).
    Spans of words with SpanBERT's lengths are shuffled and the order is begun at a random place, so
    each word is in each mask with the same probability tau / n; a span may be cut between two
    masks.

    Budget: tau = `rate` of the n units, rounded to nearest, at least one, at most n / K, exactly;
    so the Hamming distance of two masks of a group is 2 tau units. Rows of fewer than K units are
    dropped.
    """

    def __init__(self, spec: specs.FullyExplored) -> None:
        self.rate = spec.rate
        self.masks = spec.masks
        self.unit = "token" if spec.unit == "token" else "word"
        spans = spec.unit == "span"
        lengths = specs.GeometricLengths(distribution="geometric")
        self.distribution = geometric_distribution(lengths) if spans else _SINGLE_UNITS

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask exactly tau units of each row: the (epoch mod K)-th mask of a group."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        group, k = divmod(address.epoch, self.masks)
        _choose_part(
            address.key(epoch=group),
            batch.rows,
            batch.offsets,
            unit_flags(batch, self.unit),
            self.rate,
            self.masks,
            k,
            self.distribution,
            mask,
        )
        return Decisions(mask)


@njit(cache=True)
def _choose_part(key, rows, offsets, flags, rate, masks, k, distribution, mask):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    order = np.empty(longest + 1, np.int32)
    begins = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)  # of the span that begins at a unit
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        tau = min(max(1, int(np.floor(rate * n + 0.5))), n // masks)
        random = stream(key, rows[b])
        if len(distribution):
            origin = _shuffle_spans(random, n, distribution, begins, ends, order)
            origin += k * tau
        else:
            origin = k * tau
            _shuffle(random, n, origin + tau, order)
        for j in range(origin, origin + tau):
            u = order[j if j < n else j - n]
            for i in range(first + bounds[u], first + bounds[u + 1]):
                mask[i] = True


@njit(cache=True, inline="always")
def _shuffle(random, n, head, order):
    """Fill order[:n] with a permutation of the n units whose first `head` are random."""
    for u in range(n):
        order[u] = u
    for s in range(head):  # Fisher and Yates, as far as needed
        other = s + below(draw(random, s), n - s)
        order[s], order[other] = order[other], order[s]


@njit(cache=True, inline="always")
def _shuffle_spans(random, n, distribution, begins, ends, order):
    """Fill order[:n] with the n units, its spans in random order; return a random place in it."""
    spans, counter, begin = 0, 0, 0
    while begin < n:
        begins[spans] = begin
        ends[begin] = min(begin + 1 + draw_below(random, counter, distribution), n)
        begin = ends[begin]
        counter += 1
        spans += 1
    for s in range(spans - 1, 0, -1):  # Fisher and Yates
        other = below(draw(random, counter), s + 1)
        counter += 1
        begins[s], begins[other] = begins[other], begins[s]
    at = 0
    for s in range(spans):
        for u in range(begins[s], ends[begins[s]]):
            order[at] = u
            at += 1
    return below(draw(random, counter), n)
