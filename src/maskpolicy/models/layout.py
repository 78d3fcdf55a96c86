"""What an encoder reads: segments of token ids between special tokens, as padded rows."""

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Segments:
    """N segments of token ids without special tokens: ids integer [T], offsets int64 [N + 1]."""

    ids: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, chosen: np.ndarray) -> "Segments":
        """The segments with indices `chosen`, int64 [M], in that order."""
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        shift = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths)
        return Segments(self.ids[np.arange(offsets[-1]) + shift], offsets)

    def cut(self, length: int) -> "Segments":
        """The same tokens in segments of at most `length`: longer ones are cut in several."""
        sizes = np.diff(self.offsets)
        pieces = -(-sizes // length)
        number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        starts = np.repeat(self.offsets[:-1], pieces) + number * length
        return Segments(self.ids, np.append(starts, self.offsets[-1]))


@dataclass(frozen=True)
class EncoderInputs:
    """N padded sequences of one or two segments, special tokens included.

    ids int32 [N, W]; lengths int32 [N], without padding; second int32 [N], where the second segment
    begins, or the length where there is only one.
    """

    ids: np.ndarray
    lengths: np.ndarray
    second: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, chosen: np.ndarray) -> "EncoderInputs":
        """The sequences with indices `chosen`, int64 [M], as wide as the longest of them."""
        lengths = self.lengths[chosen]
        ids = self.ids[chosen, : lengths.max(initial=0)]
        return EncoderInputs(ids, lengths, self.second[chosen])


@dataclass(frozen=True)
class SequenceLayout:
    """The special tokens that an encoder wants around its segments, and the room there is.

    BERT: [CLS] a [SEP] b [SEP]; RoBERTa, with two `separators`: <s> a </s></s> b </s>.
    """

    bos: int
    eos: int
    pad: int
    separators: int
    max_length: int  # tokens, special ones included

    @property
    def room(self) -> int:
        """Tokens that a single segment may have."""
        return self.max_length - 2

    def arrange(self, first: Segments, second: Segments | None = None) -> EncoderInputs:
        """Put N first segments, and as many second ones where there are, between special tokens.

        What is too long is cut at its end; of a pair the longer segment is cut (as BERT's scripts
        do). Raises ValueError when the numbers of segments differ.
        """
        pairs = second is not None
        sizes = np.diff(first.offsets)
        if second is not None:
            if len(first) != len(second):
                raise ValueError(f"{len(first)} first and {len(second)} second segments")
            room = self.room - self.separators
            others = np.diff(second.offsets)
            kept = np.minimum(sizes, np.maximum(room - others, (room + 1) // 2))
            others = np.minimum(others, np.maximum(room - sizes, room // 2))
            lengths = kept + others + 2 + self.separators
            begins = lengths - 1 - others
        else:
            second, others = first, np.zeros_like(sizes)
            kept = np.minimum(sizes, self.room)
            lengths = begins = kept + 2
        ids = np.full((len(first), lengths.max(initial=0)), self.pad, np.int32)
        special = (self.bos, self.eos, self.separators if pairs else 0)
        _write(ids, special, first.ids, first.offsets, kept, second.ids, second.offsets, others)
        return EncoderInputs(ids, lengths.astype(np.int32), begins.astype(np.int32))


def token_positions(
    inputs: EncoderInputs, segments: Segments, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the tokens of segments stand in the inputs that were arranged from them alone.

    For the inputs with indices `chosen`: rows within `chosen`, columns of the inputs, and the index
    of each token in `segments.ids`; three int64 [tokens]. Tokens that were cut have no place.
    """
    lengths = inputs.lengths[chosen]
    columns = np.arange(lengths.max(initial=0))
    rows, columns = np.nonzero((columns > 0) & (columns < lengths[:, None] - 1))
    return rows, columns, segments.offsets[chosen][rows] + columns - 1


@njit(cache=True)
def _write(rows, special, first, first_offsets, kept, second, second_offsets, others):
    bos, eos, separators = special
    for i in range(len(rows)):
        rows[i, 0] = bos
        end = 1
        for token in first[first_offsets[i] : first_offsets[i] + kept[i]]:
            rows[i, end] = token
            end += 1
        for _ in range(separators):
            rows[i, end] = eos
            end += 1
        for token in second[second_offsets[i] : second_offsets[i] + others[i]]:
            rows[i, end] = token
            end += 1
        rows[i, end] = eos
