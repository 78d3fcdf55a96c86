"""Which of many texts stand in documents, word by word: streamed, and in compiled code."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WORDS_IN_A_ROW = 13
"""Of a text that has more, so many in a row are enough (Brown et al. 2020, appendix C)."""

NO_WORD = r"[^\pL\pM\pN]+"
"""What stands between words; they are compared in lower case, after NFKC. What is written without
spaces is one word up to the next mark.
"""

_BASE = np.uint64(0x9E3779B97F4A7C15)  # of the polynomial whose value is the hash of some words


class Phrases:
    """N texts, and which of them were found.

    Words in a row are compared by a hash of 64 bits. Texts without a word are found nowhere.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        words = _words(pa.array(texts, pa.string()))
        vocabulary = pc.unique(words.flatten())
        self._vocabulary = vocabulary.filter(pc.not_equal(vocabulary, ""))
        random = np.random.default_rng(0)
        self._values = random.integers(2**64, size=len(self._vocabulary) + 1, dtype=np.uint64)
        rows = np.repeat(np.arange(len(words)), _lengths(words) + 1)
        numbers = self._numbers(words)
        sizes = np.bincount(rows[numbers >= 0], minlength=len(words))
        self._wanted = np.minimum(sizes, WORDS_IN_A_ROW)
        # By size: the texts of which so many words in a row are looked for, and their hashes.
        self._owners: dict[int, np.ndarray] = {}
        self._hashes: dict[int, np.ndarray] = {}
        for size, starts, values in self._windows(numbers):
            wanted = self._wanted[rows[starts]] == size
            self._owners[size] = rows[starts[wanted]]
            self._hashes[size] = values[wanted]

    def look_for(self, documents: Iterable[pa.Array]) -> np.ndarray:
        """Whether each text stands in one of the documents, arrays of strings: bool [N]."""
        known = {size: np.unique(hashes) for size, hashes in self._hashes.items() if len(hashes)}
        seen = {size: np.zeros(len(hashes), bool) for size, hashes in known.items()}
        for some in documents:
            for size, _, values in self._windows(self._numbers(_words(some))):
                if size in known:
                    at = np.minimum(np.searchsorted(known[size], values), len(known[size]) - 1)
                    seen[size][at[known[size][at] == values]] = True
        found = np.zeros(len(self._wanted), bool)
        for size, hashes in known.items():
            hit = seen[size][np.searchsorted(hashes, self._hashes[size])]
            found[self._owners[size][hit]] = True
        return found

    def _numbers(self, words: pa.ListArray) -> np.ndarray:
        """The numbers of words in the vocabulary, int64 [W]: -1 for others, and after each row."""
        found = pc.fill_null(pc.index_in(words.flatten(), value_set=self._vocabulary), -1)
        return np.insert(found.to_numpy(), np.cumsum(_lengths(words)), -1)

    def _windows(self, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For each size the starts of so many words in a row, int64 [S], and their hashes."""
        ends = np.append(numbers, -1)
        starts = np.flatnonzero(numbers >= 0)
        values = np.zeros(len(starts), np.uint64)
        for size in range(1, WORDS_IN_A_ROW + 1):
            last = ends[starts + size - 1]
            goes_on = last >= 0
            starts, values, last = starts[goes_on], values[goes_on], last[goes_on]
            values = values * _BASE + self._values[last]
            yield size, starts, values


def _lengths(words: pa.ListArray) -> np.ndarray:
    return pc.list_value_length(words).to_numpy().astype(np.int64)


def _words(texts: pa.Array) -> pa.ListArray:
    folded = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    return pc.split_pattern_regex(folded, NO_WORD)
