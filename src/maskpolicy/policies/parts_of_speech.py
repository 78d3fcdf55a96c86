"""Words by their part of speech."""

import numpy as np

from maskpolicy.corpora.shards import PARTS_OF_SPEECH, TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies import specs
from maskpolicy.policies.weighted_units import choose_words


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
        return choose_words(batch, self.weights[batch.part_of_speech], self.rate, address)
