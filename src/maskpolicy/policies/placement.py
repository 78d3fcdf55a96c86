"""How long spans are and where they stand: every placement of given spans is equally likely."""

from numba import njit

from maskpolicy.randomness import below, draw, uniform


@njit(cache=True, inline="always")
def draw_below(random, counter, distribution):
    """A number in [0, L) drawn from its cumulative distribution, float64 [L]."""
    point = uniform(draw(random, counter))
    number = 0
    for i in range(len(distribution) - 1):  # all of them: cheaper than a branch gone wrong
        number += distribution[i] <= point
    return number


@njit(cache=True, inline="always")
def draw_lengths(random, counter, distribution, budget, lengths):
    """Fill lengths[:spans] with 1, 2, ... drawn from their cumulative distribution; return spans.

    Drawn, from `counter` on and once a span, until they sum up to `budget`; the last one is cut to
    meet it.
    """
    spans = 0
    while budget > 0:
        lengths[spans] = min(1 + draw_below(random, counter + spans, distribution), budget)
        budget -= lengths[spans]
        spans += 1
    return spans


@njit(cache=True, inline="always")
def place_spans(random, counter, lengths, spans, n, chosen, begins):
    """Shuffle lengths[:spans] and place the spans in a row of n units, at least a unit apart.

    Where fewer than spans - 1 units are left between them, they may touch. Fills begins[:spans], in
    order; `chosen` is scratch, bool [>= n + 1]. Draws from `counter` on; returns the next counter.
    """
    free = n
    for s in range(spans - 1, -1, -1):  # Fisher and Yates
        other = below(draw(random, counter + s), s + 1)
        lengths[s], lengths[other] = lengths[other], lengths[s]
        free -= lengths[s]
    counter += spans
    # Stars and bars: choose which of the slots (free units and spans in a line) are spans.
    apart = 1 if free >= spans - 1 else 0
    slots = free - apart * (spans - 1) + spans
    for slot in range(slots):
        chosen[slot] = False
    for j in range(slots - spans, slots):  # Floyd
        slot = below(draw(random, counter), j + 1)
        counter += 1
        chosen[j if chosen[slot] else slot] = True
    at, span = 0, 0
    for slot in range(slots):
        if chosen[slot]:
            begins[span] = at
            at += lengths[span] + apart
            span += 1
        else:
            at += 1
    return counter


ORDERS = 10
"""Random orders of spans that are tried before their own."""


@njit(cache=True)
def place_whole(random, counter, lengths, whole, spans, boundary, n, ways, begins):
    """Place spans in a row of n tokens, those that are whole words as whole words.

    lengths[:spans] in tokens, in an order in which the spans fit; whole[:spans], whether both ends
    of a span must be where boundary[: n + 1] is set. Spans are a token apart at least, or touch
    where they fit in no other way. Of a random order in which they fit, every placement is equally
    likely; where none of ORDERS does, it is the order given. Fills begins[:spans] in order and
    leaves lengths in that order, as `place_spans` does. `ways` is scratch, float64
    [>= spans + 1, >= n + 2]. Draws from `counter` on; returns the next counter.
    """
    own_lengths, own_whole = lengths[:spans].copy(), whole[:spans].copy()
    fits = False
    for apart in (1, 0):
        for attempt in range(ORDERS + 1):
            lengths[:spans], whole[:spans] = own_lengths, own_whole
            if attempt < ORDERS:
                for s in range(spans - 1, 0, -1):  # Fisher and Yates
                    other = below(draw(random, counter), s + 1)
                    counter += 1
                    lengths[s], lengths[other] = lengths[other], lengths[s]
                    whole[s], whole[other] = whole[other], whole[s]
            fits = _count_ways(lengths, whole, spans, boundary, n, apart, ways)
            if fits:
                break
        if fits:
            break
    at = 0
    for s in range(spans):
        rest = uniform(draw(random, counter)) * ways[s, at]
        counter += 1
        while ways[s, at + 1] > rest:
            at += 1
        begins[s] = at
        at += lengths[s] + apart
    return counter


@njit(cache=True)
def _count_ways(lengths, whole, spans, boundary, n, apart, ways):
    """Fill ways[s, i] with how many placements spans s, s + 1, ... have from token i on.

    As shares of ways[s, 0], as there may be too many of them for a number; False if there is none.
    """
    ways[spans, : n + 2] = 1.0
    for s in range(spans - 1, -1, -1):
        ways[s, n : n + 2] = 0.0
        for i in range(n - 1, -1, -1):
            end = i + lengths[s]
            ways[s, i] = ways[s, i + 1]
            if end <= n and (not whole[s] or (boundary[i] and boundary[end])):
                ways[s, i] += ways[s + 1, end + apart]
        if ways[s, 0] == 0:
            return False
        ways[s, :n] /= ways[s, 0]
    return True


@njit(cache=True, inline="always")
def insert_masks(random, counter, count, first, last, mask, insertions):
    """Set `count` insertions at random places of the row [first, last), one in a place at most.

    A place is before any token that doesn't continue a span; where there are fewer, all are taken.
    """
    places = 0
    for i in range(first, last):
        places += not (mask[i] and i > first and mask[i - 1])
    for _ in range(min(count, places)):
        while True:
            i = first + below(draw(random, counter), last - first)
            counter += 1
            if not insertions[i] and not (mask[i] and i > first and mask[i - 1]):
                insertions[i] = True
                break
