"""The matched-budget random control: as many masked tokens, in spans as long, at random places."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import EVERY_TOKEN, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.base import PolicySpec
from maskpolicy.policies.placement import insert_masks, place_spans, place_whole
from maskpolicy.policies.titles import beside_titles, of_text
from maskpolicy.randomness import stream


def redraw(batch: TokenBatch, matched: Decisions, address: Address, spec: PolicySpec) -> Decisions:
    """For each row, the span lengths of a policy's decisions, at random places.

    Without it "policy X is better" may only mean "X masks more". It is like the policy in all that
    the record `spec` says of it but the choice of tokens:

    - The policy keeps tokens whole: the spans are shuffled and the unmasked tokens are dealt to the
      gaps around them so that every placement of separate spans is equally likely.
    - It keeps words or sentences whole: every span that begins and ends with words does so in its
      new place too, and every placement of the shuffled spans is equally likely. A span that the
      policy cut inside a word, as an entity may be, may be so again: spans keep their lengths.
    - It decides the same in every epoch: so does the control.
    - It masks no titles: nor does the control.

    Where the row has too few unmasked tokens to keep spans apart, they may touch, and an insertion
    separates them. Zero-length spans (insertions) keep their number and move to random places too.

    Budget: exactly that of the policy, in tokens and in spans of each length.
    """
    if not spec.masks_titles:
        text = _redraw_rows(batch.text, of_text(batch, matched), address, spec)
        return beside_titles(batch, text)
    return _redraw_rows(batch, matched, address, spec)


def _redraw_rows(
    batch: TokenBatch, matched: Decisions, address: Address, spec: PolicySpec
) -> Decisions:
    insertions = matched.insertions
    if insertions is None:
        insertions = np.zeros(0, np.bool_)
    mask = np.zeros(len(matched.mask), np.bool_)
    inserted = np.zeros(len(insertions), np.bool_)
    _redraw(
        address.key(epoch=None if spec.redrawn else 0),
        batch.rows,
        batch.offsets,
        EVERY_TOKEN if spec.keeps == "token" else batch.word_start,
        matched.mask,
        insertions,
        mask,
        inserted,
    )
    return Decisions(mask, None if matched.insertions is None else inserted)


@njit(cache=True)
def _redraw(key, rows, offsets, word_start, matched, matched_insertions, mask, inserted):
    longest = longest_row(offsets)
    lengths = np.empty(longest + 1, np.int32)
    begins = np.empty(longest + 1, np.int32)
    chosen = np.empty(longest + 1, np.bool_)
    whole = np.empty(longest + 1, np.bool_)
    boundary = np.empty(longest + 1, np.bool_)
    ways = np.empty((1, longest + 2), np.float64)
    with_insertions = len(matched_insertions) > 0
    by_word = len(word_start) > 0

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        n = last - first
        spans, zero_length = 0, 0
        inside = False
        for i in range(first, last):
            inserts = with_insertions and matched_insertions[i]
            if matched[i] and inside and not inserts:
                lengths[spans - 1] += 1
            elif matched[i]:
                lengths[spans] = 1
                begins[spans] = i - first
                spans += 1
            zero_length += inserts and not (matched[i] and inside)
            inside = matched[i]
        random = stream(key, rows[b])
        if by_word:
            boundary[: n + 1] = True
            for i in range(1, n):
                boundary[i] = word_start[first + i]
            for s in range(spans):
                whole[s] = boundary[begins[s]] and boundary[begins[s] + lengths[s]]
            if spans >= len(ways):
                ways = np.empty((2 * spans + 1, longest + 2), np.float64)
            counter = place_whole(random, 0, lengths, whole, spans, boundary, n, ways, begins)
        else:
            counter = place_spans(random, 0, lengths, spans, n, chosen, begins)
        for s in range(spans):
            begin = first + begins[s]
            if begin > first and mask[begin - 1]:
                inserted[begin] = True
            for i in range(begin, begin + lengths[s]):
                mask[i] = True
        insert_masks(random, counter, zero_length, first, last, mask, inserted)
