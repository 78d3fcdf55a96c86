"""Salient span masking: named entities and dates."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import ENTITY_LABELS, SALIENT_LABELS, Spans, TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.randomness import below, draw, stream

_SALIENT = np.array([label in SALIENT_LABELS for label in ENTITY_LABELS])


class SalientSpans:
    """One named entity or date of each row, drawn uniformly, or all of them; numbers are neither.

    Guu et al. 2020 (REALM) mask one salient span per example; so do Ye et al. 2021 (section 4.1,
    "SSM"). A row without entities is left without decisions, and so is dropped (T5 does the same).
    """

    def __init__(self, spec: specs.Ssm) -> None:
        self.every_span = spec.spans == "all"

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask one or all of each row's spans. Raises MissingAnnotations without annotations."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        spans = _salient(batch.entities)
        _choose_spans(
            address.key(),
            batch.rows,
            batch.offsets,
            spans.offsets,
            spans.start,
            spans.end,
            self.every_span,
            mask,
        )
        return Decisions(mask)


def _salient(spans: Spans) -> Spans:
    keep = _SALIENT[spans.label]
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    return Spans(kept_before[spans.offsets], spans.start[keep], spans.end[keep], spans.label[keep])


@njit(cache=True)
def _choose_spans(key, rows, offsets, span_offsets, start, end, every_span, mask):
    for b in range(len(rows)):
        first, last = span_offsets[b], span_offsets[b + 1]
        if first == last:
            continue
        if not every_span:
            first += below(draw(stream(key, rows[b]), 0), last - first)
            last = first + 1
        for s in range(first, last):
            mask[offsets[b] + start[s] : offsets[b] + end[s]] = True
