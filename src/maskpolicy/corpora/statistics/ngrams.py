"""Words and n-grams of words as 64-bit hashes: counted over a corpus, looked up in tables.

A word is the tuple of its token ids. Its hash folds the ids one after the other through
SplitMix64's finaliser, and the hash of an n-gram folds those of its words; among a thousand million
different n-grams two share a hash with a probability of 3 %.
An n-gram crosses neither the end of a sentence nor that of a row.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.arrow_files import pack_bits
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.corpora.units import find_units, longest_row
from maskpolicy.randomness import draw

_START = np.uint64(0)
_1, _6, _32, _63 = (np.uint64(n) for n in (1, 6, 32, 63))


# --- hash tables ----------------------------------------------------------------------------------


class HashTable(NamedTuple):
    """An open-addressing hash table: keys uint64 [N], slots int32 [2 ** k], -1 where free."""

    keys: np.ndarray
    slots: np.ndarray


def hash_table(keys: np.ndarray) -> HashTable:
    """The table of N < 2**30 distinct keys, uint64 [N]."""
    slots = np.full(1 << (2 * len(keys)).bit_length(), -1, np.int32)
    _fill(keys, slots)
    return HashTable(keys, slots)


@njit(cache=True)
def _fill(keys, slots):
    last = np.uint64(len(slots) - 1)
    for i in range(len(keys)):
        slot = keys[i] & last
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & last
        slots[slot] = i


@njit(cache=True, inline="always")
def find(table, key):
    """Index of `key` in `table.keys`, or -1."""
    last = np.uint64(len(table.slots) - 1)
    slot = key & last
    while True:
        index = table.slots[slot]
        if index < 0 or table.keys[index] == key:
            return index
        slot = (slot + np.uint64(1)) & last


class KeySet(NamedTuple):
    """A set of keys that are mostly asked for in vain.

    slots uint64 [2 ** k], open addressing, at most a quarter full, 0 where free; bits uint64
    [2 ** (k - 4)], of which each key sets one: a Bloom filter, at most a sixteenth full, that
    answers most questions from little memory and without a guess of the processor.
    """

    slots: np.ndarray
    bits: np.ndarray


def key_set(keys: np.ndarray) -> KeySet:
    """The set of N < 2**30 distinct keys other than 0, uint64 [N]."""
    size = max(64, 1 << (4 * len(keys)).bit_length())
    slots = KeySet(np.zeros(size, np.uint64), np.zeros(4 * size // 64, np.uint64))
    _add(keys, slots)
    return slots


@njit(cache=True)
def _add(keys, key_set):
    slots, bits = key_set
    last = np.uint64(len(slots) - 1)
    for key in keys:
        place = _place_of_bit(bits, key)
        bits[place >> _6] |= _1 << (place & _63)
        slot = key & last
        while slots[slot] != 0:
            slot = (slot + _1) & last
        slots[slot] = key


@njit(cache=True, inline="always")
def _place_of_bit(bits, key):
    """Which of all `bits` is that of a key: the upper half of it, scaled."""
    return ((key >> _32) * np.uint64(64 * len(bits))) >> _32


@njit(cache=True, inline="always")
def may_contain(key_set, key):
    """1 where `key` may be in the set, and 0, mostly, where it is not: uint64."""
    place = _place_of_bit(key_set.bits, key)
    return (key_set.bits[place >> _6] >> (place & _63)) & _1


@njit(cache=True, inline="always")
def contains(key_set, key):
    """Whether `key` is in the set."""
    last = np.uint64(len(key_set.slots) - 1)
    slot = key & last
    while key_set.slots[slot] != key and key_set.slots[slot] != 0:
        slot = (slot + _1) & last
    return key_set.slots[slot] == key


# --- hashes ---------------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def extend(ngram, word):
    """The hash of an n-gram with one more word, or of a word with one more token: uint64."""
    return draw(ngram, word)


@njit(cache=True, inline="always")
def hash_word(input_ids, begin, end):
    """The hash of the word input_ids[begin:end]: uint64."""
    word = _START
    for i in range(begin, end):
        word = extend(word, input_ids[i])
    return word


@njit(cache=True, inline="always")
def hash_words(input_ids, flags, first, last, bounds, words):
    """Fill words[:n], uint64, with the hashes of the n words of the row [first, last); return n.

    `bounds` is filled as by `find_units`.
    """
    n = find_units(flags, first, last, bounds)
    for u in range(n):
        words[u] = hash_word(input_ids, first + bounds[u], first + bounds[u + 1])
    return n


@njit(cache=True, inline="always")
def hash_ngram(words, begin, end):
    """The hash of the n-gram words[begin:end], of one word or more: uint64."""
    ngram = words[begin]
    for u in range(begin + 1, end):
        ngram = extend(ngram, words[u])
    return ngram


@njit(cache=True, inline="always")
def sentence_ends(flags, first, n, bounds, ends):
    """Fill ends[:n] with the word at which the sentence of each of the n words of a row ends."""
    end = n
    for u in range(n - 1, -1, -1):
        ends[u] = end
        if flags[first + bounds[u]]:
            end = u


# --- counts ---------------------------------------------------------------------------------------


MOST_KEYS = 1 << 25
"""Different keys that are counted at once, each in up to 50 bytes: some 2 GB."""


def count_keys(
    read: Callable[[], Iterable[np.ndarray]], minimum: int
) -> tuple[np.ndarray, np.ndarray]:
    """The keys that are read `minimum` times or more, and how often: see :meth:`Tally.result`.

    `read` gives all keys, uint64 arrays, and is called again where there are more than MOST_KEYS of
    them: each time those of a range are counted, as many as fit.
    """
    ranges = []
    low, end = 0, 1 << 64
    while low < end:
        tally, high = Tally(), end
        for keys in read():
            if (low, high) != (0, end):
                keys = keys[(keys >= np.uint64(low)) & (keys <= np.uint64(high - 1))]
            tally.add(keys)
            while len(tally) > MOST_KEYS:
                high = tally.middle
                tally.drop(high)
        ranges.append(tally.result(minimum))
        low = high
    keys, counts = zip(*ranges, strict=True)
    return np.concatenate(keys), np.concatenate(counts)


class Tally:
    """How often each key was added: sorted parts, each longer than the next."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, keys: np.ndarray) -> None:
        """Count every key of uint64 [N] once more."""
        part = np.unique(keys, return_counts=True)
        while self._parts and len(self._parts[-1][0]) <= len(part[0]):
            part = _merge(*self._parts.pop(), *part)
        self._parts.append(part)

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._parts)

    @property
    def middle(self) -> int:
        """A key in the middle of those that there are."""
        keys, _ = self._parts[0]
        return int(keys[len(keys) // 2])

    def drop(self, high: int) -> None:
        """Forget this key and those above."""
        ends = [np.searchsorted(keys, np.uint64(high)) for keys, _ in self._parts]
        self._parts = [
            (keys[:end].copy(), counts[:end].copy())
            for (keys, counts), end in zip(self._parts, ends, strict=True)
        ]

    def result(self, minimum: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted keys counted `minimum` times or more, uint64 [M], and their counts, int64 [M]."""
        keys, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
        for part in reversed(self._parts):
            keys, counts = _merge(keys, counts, *part)
        return keys[counts >= minimum], counts[counts >= minimum]


@njit(cache=True)
def _merge(keys, counts, other_keys, other_counts):
    """Two sorted lists of distinct keys as one, the counts of those in both added up."""
    merged = np.empty(len(keys) + len(other_keys), np.uint64)
    sums = np.empty(len(merged), np.int64)
    i, j, m = 0, 0, 0
    while i < len(keys) or j < len(other_keys):
        take = j == len(other_keys) or (i < len(keys) and keys[i] <= other_keys[j])
        take_other = i == len(keys) or (j < len(other_keys) and other_keys[j] <= keys[i])
        merged[m] = keys[i] if take else other_keys[j]
        sums[m] = 0
        if take:
            sums[m] += counts[i]
            i += 1
        if take_other:
            sums[m] += other_counts[j]
            j += 1
        m += 1
    return merged[:m].copy(), sums[:m].copy()


def columns_of(batch: TokenBatch) -> tuple[np.ndarray, ...]:
    """What the kernels that count read: input_ids, offsets, word_start and sentence_start."""
    return batch.input_ids, batch.offsets, batch.word_start, batch.sentence_start


def spell(shards: Sequence[Path], n: int, ngrams: np.ndarray) -> dict[str, pa.ListArray]:
    """The tokens of n-grams, uint64 [N], in their order: list columns input_ids and word_start.

    Every one of them must occur in the shards.
    """
    table = hash_table(ngrams)
    found = np.zeros(len(ngrams), np.bool_)
    order, sizes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    ids, starts = [np.empty(0, np.uint32)], [np.empty(0, np.bool_)]
    for shard in shards:
        for batch in read_token_batches(shard):
            index, begin, end = _locate(columns_of(batch), n, table, found)
            size = end - begin
            # The positions begin[0], ..., end[0] - 1, begin[1], ...: a range a n-gram.
            first = np.cumsum(size) - size
            tokens = np.arange(size.sum()) + np.repeat(begin - first, size)
            flags = batch.word_start[tokens]
            flags[first] = True  # also where a row begins inside a word
            order.append(index)
            sizes.append(size)
            ids.append(batch.input_ids[tokens].astype(np.uint32))
            starts.append(flags)
    sorted_by_ngram = np.argsort(np.concatenate(order))
    offsets = pa.array(np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int32))
    values = {
        "input_ids": pa.array(np.concatenate(ids)),
        "word_start": pack_bits(np.concatenate(starts)),
    }
    return {
        name: pa.ListArray.from_arrays(offsets, column).take(pa.array(sorted_by_ngram))
        for name, column in values.items()
    }


@njit(cache=True)
def _locate(columns, n, table, found):
    """Index and range of tokens of each n-gram of `table` that isn't `found` yet; sets `found`."""
    input_ids, offsets, word_flags, sentence_flags = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    ends = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    located = np.empty((3, min(len(found), len(input_ids))), np.int64)
    m = 0
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        count = hash_words(input_ids, word_flags, first, last, bounds, words)
        sentence_ends(sentence_flags, first, count, bounds, ends)
        for u in range(count):
            if u + n <= ends[u]:
                index = find(table, hash_ngram(words, u, u + n))
                if index >= 0 and not found[index]:
                    found[index] = True
                    located[0, m] = index
                    located[1, m] = first + bounds[u]
                    located[2, m] = first + bounds[u + n]
                    m += 1
    return located[0, :m], located[1, :m], located[2, :m]
