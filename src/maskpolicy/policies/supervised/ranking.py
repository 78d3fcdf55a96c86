"""The best spans of each row, by start and end logits (Ye et al. 2021, 4.2, "Policy Inference")."""

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class RankedSpans:
    """The best spans of B rows, best first: those of row b are `start[b, :count[b]]` and so on.

    start, end int32 [B, K], tokens within the row, end exclusive; count int32 [B], at most K.
    """

    start: np.ndarray
    end: np.ndarray
    count: np.ndarray


def rank_spans(
    offsets: np.ndarray,
    word_start: np.ndarray,
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    longest: int,
    best: int,
) -> RankedSpans:
    """Rank the spans (i, j) of each row by start_i + end_j and keep the `best`.

    offsets integer [B + 1], where rows begin; word_start bool [T]; logits float32 [T]. A span is of
    whole words and of at most `longest` tokens, or a single word that is longer. Ties go to the
    span that begins first, then to the shorter one.
    """
    rows = len(offsets) - 1
    start, end = np.zeros((2, rows, best), np.int32)
    count = np.zeros(rows, np.int32)
    _rank(offsets, word_start, start_logits, end_logits, longest, start, end, count)
    return RankedSpans(start, end, count)


@njit(cache=True)
def _rank(offsets, word_start, start_logits, end_logits, longest, start, end, count):
    best = start.shape[1]
    scores = np.empty(best, np.float64)
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        kept = 0
        for i in range(first, last):
            if i > first and not word_start[i]:
                continue
            first_word = True
            for j in range(i + 1, last + 1):
                if j < last and not word_start[j]:
                    continue
                if j - i > longest and not first_word:
                    break
                first_word = False
                # Sums of float32 are exact in float64, so only equal spans tie.
                score = np.float64(start_logits[i]) + np.float64(end_logits[j - 1])
                if kept == best and score <= scores[best - 1]:
                    continue
                place = min(kept, best - 1)
                while place > 0 and scores[place - 1] < score:
                    scores[place] = scores[place - 1]
                    start[b, place] = start[b, place - 1]
                    end[b, place] = end[b, place - 1]
                    place -= 1
                scores[place] = score
                start[b, place] = i - first
                end[b, place] = j - first
                kept = min(kept + 1, best)
        count[b] = kept
