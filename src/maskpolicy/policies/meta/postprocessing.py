"""From single tokens that a network wants masked to decisions that are fit to train on.

Ye et al. 2021, 4.3, "Post-processing". That a run of masked tokens becomes one <mask> is the
objective's doing (`source: span`).
"""

import numpy as np
from numba import njit

from maskpolicy.corpora.units import find_units, longest_row
from maskpolicy.randomness import below, draw, stream, uniform

MOST = 0.5
"""A row with more than this share of its tokens masked is an extreme example, ..."""

REDUCED = 0.3
"""... so random words of it are unmasked until the share is below this one."""


def draw_tokens(
    key: np.uint64, rows: np.ndarray, offsets: np.ndarray, log_odds: np.ndarray
) -> np.ndarray:
    """Mask each token with the probability that its log-odds say: bool [T].

    rows int64 [B] and offsets integer [B + 1] as of a TokenBatch; log_odds float32 [T].
    """
    mask = np.empty(len(log_odds), np.bool_)
    _draw_tokens(key, rows, offsets, log_odds, mask)
    return mask


def logistic_noise(key: np.uint64, rows: np.ndarray, width: int) -> np.ndarray:
    """Standard logistic noise for `width` positions of rows, int64 [B]: float32 [B, width]."""
    noise = np.empty((len(rows), width), np.float32)
    _logistic_noise(key, rows, noise)
    return noise


def mask_whole_words(
    key: np.uint64,
    rows: np.ndarray,
    offsets: np.ndarray,
    word_start: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Extend a mask, bool [T], to whole words, and limit it: changed in place.

    A word with a masked token is masked whole. In a row with more than MOST of its tokens masked
    then, masked words drawn at random are unmasked until less than REDUCED are.
    """
    _mask_whole_words(key, rows, offsets, word_start, mask)


@njit(cache=True)
def logistic(bits):
    """Random bits -> a draw of the standard logistic distribution, float64, finite."""
    # From the middle of one of 2^53 intervals: 0 and 1 themselves have infinite logits.
    below_it = uniform(bits)
    return np.log((below_it + 2.0**-54) / (1.0 - below_it - 2.0**-54))


@njit(cache=True)
def _logistic_noise(key, rows, noise):
    for b in range(len(rows)):
        random = stream(key, rows[b])
        for i in range(noise.shape[1]):
            noise[b, i] = logistic(draw(random, i))


@njit(cache=True)
def _draw_tokens(key, rows, offsets, log_odds, mask):
    for b in range(len(rows)):
        random = stream(key, rows[b])
        first = offsets[b]
        for i in range(first, offsets[b + 1]):
            mask[i] = log_odds[i] + logistic(draw(random, i - first)) > 0


@njit(cache=True)
def _mask_whole_words(key, rows, offsets, word_start, mask):
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    masked_words = np.empty(longest, np.int32)
    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        n = last - first
        words = masked = 0
        for w in range(find_units(word_start, first, last, bounds)):
            begin, end = first + bounds[w], first + bounds[w + 1]
            if mask[begin:end].any():
                mask[begin:end] = True
                masked_words[words] = w
                words += 1
                masked += end - begin
        if masked <= MOST * n:
            continue
        random = stream(key, rows[b])
        while masked >= REDUCED * n:
            chosen = below(draw(random, words), words)
            w = masked_words[chosen]
            words -= 1
            masked_words[chosen] = masked_words[words]
            mask[first + bounds[w] : first + bounds[w + 1]] = False
            masked -= bounds[w + 1] - bounds[w]
