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
