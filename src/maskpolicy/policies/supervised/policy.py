"""Masking one span that a trained network takes for a likely target (Ye et al. 2021, 4.2)."""

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.models.devices import choose_device
from maskpolicy.policies import specs
from maskpolicy.policies.base import refuse_unknown_tokens
from maskpolicy.policies.supervised.network import SpanNetwork
from maskpolicy.policies.supervised.ranking import RankedSpans, rank_spans
from maskpolicy.policies.token_network import load_network, score_tokens
from maskpolicy.randomness import below, draw, stream


class SupervisedSpans:
    """The best span of each row, or one drawn uniformly from its best few (Ye et al. 2021: five).

    Budget: one span of whole words a row, of at most `max_span_length` tokens unless it is a single
    word. With `top` 1 the same in every epoch.
    """

    def __init__(self, spec: specs.Supervised, network: Path) -> None:
        """Load the trained network from its folder. Raises ArtefactError, naming the file."""
        self.top = spec.top
        self.max_span_length = spec.max_span_length
        self.bf16 = spec.precision == "bfloat16"
        self.folder = network
        self.network = load_network(network, SpanNetwork).to(choose_device())
        # What the network says does not depend on the epoch: the spans of a batch are ranked once
        # and forgotten with it.
        self._ranked: WeakKeyDictionary[TokenBatch, RankedSpans] = WeakKeyDictionary()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask one span of each row. Raises ArtefactError when the network has other tokens."""
        spans = self._ranked.get(batch)
        if spans is None:
            spans = self._ranked[batch] = self._rank(batch)
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _draw_spans(
            address.key(), batch.rows, batch.offsets, spans.start, spans.end, spans.count, mask
        )
        return Decisions(mask)

    def _rank(self, batch: TokenBatch) -> RankedSpans:
        refuse_unknown_tokens(batch, self.network.embeddings.num_embeddings, self.folder)
        start, end = score_tokens(self.network, batch.offsets, batch.input_ids, self.bf16)
        return rank_spans(
            batch.offsets, batch.word_start, start, end, self.max_span_length, self.top
        )


@njit(cache=True)
def _draw_spans(key, rows, offsets, start, end, count, mask):
    for b in range(len(rows)):
        if count[b]:
            s = below(draw(stream(key, rows[b]), 0), count[b])
            for i in range(offsets[b] + start[b, s], offsets[b] + end[b, s]):
                mask[i] = True
