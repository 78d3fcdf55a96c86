"""Words by their part of speech."""

import numpy as np
from numba import njit

from maskpolicy.corpora.shards import PARTS_OF_SPEECH, TokenBatch
from maskpolicy.corpora.units import budget_of, find_units, longest_row
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.weighted_units import choose_weighted
from maskpolicy.randomness import stream


class PartsOfSpeech:
    """Random words, drawn without replacement with a weight for each part of speech.

    A word has the part of speech of its first token; one without a weight is never masked.

    Budget: exactly `rate` of the words (see `budget_of`), or every word with a weight where the row
    has fewer of them.
    """

    def __init__(self, spec: specs.PartsOfSpeech) -> None:
        self.rate = spec.rate
        given: dict[str, float] = {tag: weight for tag, weight in spec.weights.items()}
        self.weights = np.array([given.get(tag, 0.0) for tag in PARTS_OF_SPEECH])

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words. Raises MissingAnnotations without tags."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_words(
            address.key(),
            batch.rows,
            batch.offsets,
            batch.word_start,
            batch.part_of_speech,
            self.weights,
            self.rate,
            mask,
        )
        return Decisions(mask)


@njit(cache=True)
def _choose_words(key, rows, offsets, flags, tags, tag_weights, rate, mask):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    weights = np.empty(longest + 1, np.float64)
    races = np.empty(longest + 1, np.float64)
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = find_units(flags, first, last, bounds)
        for u in range(n):
            weights[u] = tag_weights[tags[first + bounds[u]]]
        random = stream(key, rows[b])
        choose_weighted(random, weights, n, budget_of(rate, n), races, mask, bounds, first)
