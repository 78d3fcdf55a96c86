"""The matched-budget random control: as many masked tokens, in spans as long, at random places."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.policies.base import Address, Decisions, Policy
from maskpolicy.randomness import below, draw, stream


class MatchedControl:
    """For each row, the span lengths of another policy's decisions, at uniformly random places.

    Without it "policy X is better" may only mean "X masks more". The spans are shuffled and the
    unmasked tokens are dealt to the gaps around them so that every placement of separate spans is
    equally likely; where the row has too few unmasked tokens to keep spans apart, they may touch,
    and an insertion separates them.
    Zero-length spans (insertions) keep their number and move to random places too.
    """

    def __init__(self, policy: Policy, name: str) -> None:
        self.policy = policy
        self.name = name
        self.inserts = policy.inserts

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Redraw the places of the decisions that the policy makes at the same seed and epoch."""
        matched = self.policy.decide(batch, Address(address.seed, self.name, address.epoch))
        insertions = matched.insertions
        if insertions is None:
            insertions = np.zeros(0, np.bool_)
        mask = np.zeros(len(matched.mask), np.bool_)
        inserted = np.zeros(len(insertions), np.bool_)
        _place_spans(
            address.key(), batch.rows, batch.offsets, matched.mask, insertions, mask, inserted
        )
        return Decisions(mask, inserted if self.inserts else None)


@njit(cache=True)
def _place_spans(key, rows, offsets, matched, matched_insertions, mask, inserted):  # noqa: ANN001, ANN202
    longest = 0
    for b in range(len(rows)):
        longest = max(longest, offsets[b + 1] - offsets[b])
    lengths = np.empty(longest + 1, np.int64)
    places = np.empty(longest + 1, np.bool_)
    with_insertions = len(matched_insertions) > 0

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        n = last - first
        spans, masked, zero_length = 0, 0, 0
        inside = False
        for i in range(first, last):
            split = with_insertions and matched_insertions[i]
            if matched[i]:
                if not inside or split:
                    lengths[spans] = 0
                    spans += 1
                lengths[spans - 1] += 1
                masked += 1
            elif split:
                zero_length += 1
            inside = matched[i]
        random = stream(key, rows[b])
        counter = 0
        if spans:
            for s in range(spans - 1, 0, -1):  # Fisher and Yates
                other = below(draw(random, counter), s + 1)
                counter += 1
                lengths[s], lengths[other] = lengths[other], lengths[s]
            # Stars and bars: choose which of the slots (free tokens and spans in a line) are spans.
            free = n - masked
            apart = 1 if free >= spans - 1 else 0
            slots = free - apart * (spans - 1) + spans
            places[:slots] = False
            for j in range(slots - spans, slots):  # Floyd
                chosen = below(draw(random, counter), j + 1)
                counter += 1
                places[j if places[chosen] else chosen] = True
            at, span = first, 0
            for slot in range(slots):
                if places[slot]:
                    if at > first and mask[at - 1]:
                        inserted[at] = True
                    mask[at : at + lengths[span]] = True
                    at += lengths[span]
                    span += 1
                    if span < spans:
                        at += apart
                else:
                    at += 1
        placed = 0
        while placed < zero_length:
            chosen = first + below(draw(random, counter), n)
            counter += 1
            if not inserted[chosen] and not mask[chosen]:
                inserted[chosen] = True
                placed += 1
