"""Texts that were there before, to the letter: found by their digests, in little memory."""

from hashlib import blake2b

import numpy as np
from numba import njit


class SeenTexts:
    """Which texts have been seen, as 16 bytes of BLAKE2 each in an open hash table.

    That is 20 to 40 bytes a text, and for a moment half as many more while the table grows: 12
    million texts take 270 MB, then 400. Two of so many have one digest by chance with probability
    2e-25.
    """

    def __init__(self, slots: int = 1 << 16) -> None:
        """`slots` to begin with, a power of two."""
        self._table = np.zeros((slots, 2), np.uint64)
        self._seen = 0

    def add(self, text: str) -> bool:
        """Whether the text is new; from now on it isn't."""
        if 5 * self._seen >= 4 * len(self._table):
            self._table = _rehash(self._table)
        digest = np.frombuffer(blake2b(text.encode(), digest_size=16).digest(), np.uint64)
        new = _insert(self._table, digest[0], digest[1])
        self._seen += new
        return new


@njit(cache=True)
def _insert(table, a, b):
    """Put the digest (a, b) into a table uint64 [a power of two, 2]; False where it is there.

    An empty slot is (0, 0), which no text is likely to have for its digest.
    """
    last = np.uint64(len(table) - 1)
    slot = a & last
    while table[slot, 0] or table[slot, 1]:
        if table[slot, 0] == a and table[slot, 1] == b:
            return False
        slot = (slot + np.uint64(1)) & last
    table[slot, 0], table[slot, 1] = a, b
    return True


@njit(cache=True)
def _rehash(table):
    larger = np.zeros((2 * len(table), 2), np.uint64)
    for slot in range(len(table)):
        if table[slot, 0] or table[slot, 1]:
            _insert(larger, table[slot, 0], table[slot, 1])
    return larger
