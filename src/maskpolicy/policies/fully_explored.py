"""Fully-explored masking: the masks of a row come in groups that don't overlap."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import find_units, longest_row, unit_flags
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.placement import draw_lengths
from maskpolicy.policies.random_spans import geometric_distribution
from maskpolicy.randomness import below, draw, stream

_SINGLE_UNITS = np.empty(0, np.float64)


class FullyExplored:
    """K masks of tau units each that share no unit (Zheng et al. 2020, eq. 10 and algorithm 1).

    Mask k of group g is the mask of epoch g * K + k: K successive epochs explore a row.

    Single units (tokens or words) are put in uniformly random order, and mask k takes the k-th tau
    of them, so each mask is uniform over all of tau units (lemma 2).

    Spans of words: each mask has spans as `RandomSpans` draws them with SpanBERT's lengths, whole
    and a word apart at least, so that the two policies differ in overlap only. The spans of all
    masks and the words of none are put in random order, one after the other, in which no two spans
    of a mask follow each other. If what was drawn has no such order (the masks leave hardly a word
    over), all masks have spans as long as the first, which then have one. As for `RandomSpans`,
    words near the ends of a row are in fewer spans.

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
    lengths = np.empty((masks, longest + 1), np.int32)
    spans = np.empty(masks, np.int32)
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        tau = min(max(1, int(np.floor(rate * n + 0.5))), n // masks)
        random = stream(key, rows[b])
        if len(distribution):
            counter = 0
            for m in range(masks):
                spans[m] = draw_lengths(random, counter, distribution, tau, lengths[m])
                counter += spans[m]
            if spans.max() > n - masks * tau + spans.sum() - spans.max() + 1:
                spans[:] = spans[0]
                lengths[:] = lengths[0]
            chosen = order[:tau]
            _order_spans(random, counter, n - masks * tau, spans, lengths, k, chosen)
            if below(draw(random, counter + n), 2):  # the end of that order has more spans
                chosen[:] = n - 1 - chosen
        else:
            _shuffle(random, n, (k + 1) * tau, order)
            chosen = order[k * tau : (k + 1) * tau]
        for u in chosen:
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


@njit(cache=True)
def _order_spans(random, counter, free, spans, lengths, k, chosen):
    """Put spans and `free` single units in random order; fill `chosen` with the units of mask k.

    lengths[m, : spans[m]] are the spans of mask m, used up. Each is drawn from those that are left,
    but for spans of the mask that the one before is of, and must be of a mask with so many left
    that there would be no order otherwise. Draws from `counter`
    on, a unit of the row at most once.
    """
    left = free + spans.sum()
    before = -1  # the mask of the span before
    at = found = 0
    while left > 0:
        pressing = -1
        for m in range(len(spans)):
            if 2 * spans[m] == left + 1:
                pressing = m
        if pressing >= 0:
            drawn, m = below(draw(random, counter), spans[pressing]), pressing
        else:
            excluded = spans[before] if before >= 0 else 0
            drawn, m = below(draw(random, counter), left - excluded), 0
            while m < len(spans) and (m == before or drawn >= spans[m]):
                drawn -= 0 if m == before else spans[m]
                m += 1
        counter += 1
        left -= 1
        if m == len(spans):
            before = -1
            at += 1
            continue
        before = m
        spans[m] -= 1
        length = lengths[m, drawn]
        lengths[m, drawn] = lengths[m, spans[m]]
        if m == k:
            for u in range(at, at + length):
                chosen[found] = u
                found += 1
        at += length
