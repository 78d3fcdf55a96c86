"""Masking the tokens that a trained selector takes for important (Gu et al. 2020, section 2.2)."""

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.units import EVERY_TOKEN, find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.models.encoder import load_token_classifier
from maskpolicy.models.inference import EncoderInference
from maskpolicy.models.layout import Segments
from maskpolicy.policies import specs
from maskpolicy.policies.base import refuse_unknown_tokens
from maskpolicy.policies.selective.selector import IMPORTANT, SELECTOR, Selector, token_logits

MARGIN = 5e-4
"""Sentences where logits as close decide are read again in double precision; the errors of single
precision are far smaller, so that decisions do not depend on batches or shards."""


class SelectiveMasking:
    """The important tokens of each sentence, or the words that they are part of.

    The selector reads sentence by sentence, as it was trained; a sentence longer than it can take
    is read in pieces. Budget: what the selector finds; with the preset `released` at most 15 % of
    the tokens of each sentence, though always one unit, the best first by the logit of importance.
    A row without important tokens is left without decisions. The same in every epoch.
    """

    def __init__(self, spec: specs.Selective, network: Path) -> None:
        """Load the trained selector from its folder. Raises ArtefactError, naming the file."""
        self.by_word = spec.unit == "word"
        self.folder = network
        self.selector = Selector.read(network / SELECTOR)
        self.inference = EncoderInference(load_token_classifier(network, 2))
        # What the selector says does not depend on the epoch: a batch is read once.
        self._masks: WeakKeyDictionary[TokenBatch, np.ndarray] = WeakKeyDictionary()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the important tokens. Raises ArtefactError for tokens unknown to the selector."""
        mask = self._masks.get(batch)
        if mask is None:
            mask = self._masks[batch] = self._mask(batch)
        return Decisions(mask.copy())

    def _mask(self, batch: TokenBatch) -> np.ndarray:
        refuse_unknown_tokens(batch, self.selector.vocabulary_size, self.folder)
        sentences = Segments(batch.input_ids, _sentence_offsets(batch))
        logits = self._read(self.inference, sentences)
        mask, close = self._choose(batch, sentences, logits)
        if len(close):
            tokens = Segments(np.arange(len(mask)), sentences.offsets).take(close).ids
            logits[tokens] = self._read(self.inference.exact, sentences.take(close))
            mask, _ = self._choose(batch, sentences, logits)
        return mask

    def _read(self, inference: EncoderInference, sentences: Segments) -> np.ndarray:
        layout = self.selector.layout
        return token_logits(inference, layout, sentences.cut(layout.room))

    def _choose(
        self, batch: TokenBatch, sentences: Segments, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mask, bool [T], and the sentences where nearly equal logits decided it."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        close = np.zeros(len(sentences), np.bool_)
        flags = batch.word_start if self.by_word else EVERY_TOKEN
        share = self.selector.largest_share or 0.0
        _choose_units(sentences.offsets, flags, logits, share, mask, close)
        return mask, np.flatnonzero(close)


def _sentence_offsets(batch: TokenBatch) -> np.ndarray:
    """Where sentences begin, and the end: int64 [S + 1]; none goes over the end of its row."""
    starts = batch.sentence_start.copy()
    starts[batch.offsets[:-1][np.diff(batch.offsets) > 0]] = True
    return np.append(np.flatnonzero(starts), len(starts))


@njit(cache=True)
def _choose_units(offsets, flags, logits, share, mask, close):
    bounds = np.empty(longest_row(offsets) + 1, np.int32)
    for s in range(len(offsets) - 1):
        first, last = offsets[s], offsets[s + 1]
        units = find_units(flags, first, last, bounds)
        difference = logits[first:last, IMPORTANT] - logits[first:last, 1 - IMPORTANT]
        close[s] = np.abs(difference).min() < MARGIN
        important = np.flatnonzero(difference > 0)
        room = last - first
        if share > 0:
            room = max(1, int(share * (last - first)))
            # The best first; of equals the one on the left.
            ranks = -logits[first:last, IMPORTANT][important]
            order = np.argsort(ranks, kind="mergesort")
            important, ranks = important[order], ranks[order]
            if len(important) > room:
                close[s] |= np.diff(ranks).min() < MARGIN
        masked = 0
        for i in important:
            unit = np.searchsorted(bounds[: units + 1], i, side="right") - 1
            begin, end = first + bounds[unit], first + bounds[unit + 1]
            if not mask[begin] and (masked == 0 or masked + end - begin <= room):
                mask[begin:end] = True
                masked += end - begin
