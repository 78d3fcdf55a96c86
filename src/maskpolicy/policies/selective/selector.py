"""The trained selector of selective masking: how it reads, and what it says of each token."""

import numpy as np

from maskpolicy.models.inference import EncoderInference
from maskpolicy.models.layout import Segments, SequenceLayout, token_positions
from maskpolicy.records import JsonRecord

IMPORTANT = 1
"""The class of important tokens; the others are of class 0."""

SELECTOR = "selector.json"
"""Beside the selector's checkpoint: how it reads and how much it may mask."""


class Selector(JsonRecord):
    """What the policy needs to know of its trained selector, beside the checkpoint."""

    preset: str
    largest_share: float | None  # of a sentence's tokens may be masked, though always one
    max_length: int  # tokens, special ones included
    bos: int
    eos: int
    pad: int
    vocabulary_size: int

    @property
    def layout(self) -> SequenceLayout:
        """How the selector wants a sentence."""
        return SequenceLayout(self.bos, self.eos, self.pad, 1, self.max_length)


def token_logits(
    inference: EncoderInference, layout: SequenceLayout, texts: Segments
) -> np.ndarray:
    """The logits of each token's two classes, float64 [T, 2]; NaN where a segment was cut."""
    inputs = layout.arrange(texts)
    logits = np.full((len(texts.ids), 2), np.nan)
    for chosen, read in inference.forward(inputs):
        rows, columns, tokens = token_positions(inputs, texts, chosen)
        logits[tokens] = read[rows, columns]
    return logits
