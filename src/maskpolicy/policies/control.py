"""The matched-budget random control: as many masked tokens, in spans as long, at random places."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.placement import insert_masks, place_spans
from maskpolicy.randomness import stream


def redraw(batch: TokenBatch, matched: Decisions, address: Address) -> Decisions:
    """For each row, the span lengths of a policy's decisions, at uniformly random places.

    Without it "policy X is better" may only mean "X masks more". The spans are shuffled and the
    unmasked tokens are dealt to the gaps around them so that every placement of separate spans is
    equally likely; where the row has too few unmasked tokens to keep spans apart, they may touch,
    and an insertion separates them.
    Zero-length spans (insertions) keep their number and move to random places too.

    Budget: exactly that of the policy, in tokens and in spans of each length.
    """
    insertions = matched.insertions
    if insertions is None:
        insertions = np.zeros(0, np.bool_)
    mask = np.zeros(len(matched.mask), np.bool_)
    inserted = np.zeros(len(insertions), np.bool_)
    _redraw(address.key(), batch.rows, batch.offsets, matched.mask, insertions, mask, inserted)
    return Decisions(mask, None if matched.insertions is None else inserted)


@njit(cache=True)
def _redraw(key, rows, offsets, matched, matched_insertions, mask, inserted):
    longest = longest_row(offsets)
    lengths = np.empty(longest + 1, np.int32)
    begins = np.empty(longest + 1, np.int32)
    chosen = np.empty(longest + 1, np.bool_)
    with_insertions = len(matched_insertions) > 0

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        spans, zero_length = 0, 0
        inside = False
        for i in range(first, last):
            inserts = with_insertions and matched_insertions[i]
            if matched[i] and inside and not inserts:
                lengths[spans - 1] += 1
            elif matched[i]:
                lengths[spans] = 1
                spans += 1
            zero_length += inserts and not (matched[i] and inside)
            inside = matched[i]
        random = stream(key, rows[b])
        counter = place_spans(random, 0, lengths, spans, last - first, chosen, begins)
        for s in range(spans):
            begin = first + begins[s]
            if begin > first and mask[begin - 1]:
                inserted[begin] = True
            for i in range(begin, begin + lengths[s]):
                mask[i] = True
        insert_masks(random, counter, zero_length, first, last, mask, inserted)
