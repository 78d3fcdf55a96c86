"""Addressed randomness: every random choice is a pure function of where it is made.

A draw is identified by (seed, corpus, policy, epoch), folded into one 64-bit *key*, and by (row,
position) inside the corpus. Nothing depends on the order of evaluation, so the same sequence gets
the same mask whatever the number of shards, workers, GPUs or restarts.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014) used as a counter-based generator: a draw is the finalised sum of a stream
and a counter times the golden gamma. It passes BigCrush as a sequence and costs about a nanosecond.

The functions below are compiled by numba and can be called from compiled policies; numba does not
see edits here from the caches of its callers, so after changing this file remove their
`__pycache__`.
"""

import hashlib
import json

import numpy as np
from numba import njit

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11, _32 = (np.uint64(s) for s in (30, 27, 31, 11, 32))
_LOW_32 = np.uint64(0xFFFFFFFF)
_TO_UNIT = 1.0 / (1 << 53)


def key(*address: str | int) -> np.uint64:
    """Fold an address like `(seed, corpus, policy, epoch)` into a 64-bit key, anywhere the same."""
    digest = hashlib.blake2b(json.dumps(address).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@njit(cache=True, inline="always")
def mix(bits):
    """SplitMix64's finaliser: uint64 -> uint64, a bijection."""
    bits = (bits ^ (bits >> _30)) * _MIX_1
    bits = (bits ^ (bits >> _27)) * _MIX_2
    return bits ^ (bits >> _31)


@njit(cache=True, inline="always")
def stream(key, row):
    """The stream of one row: (uint64 key, integer row) -> uint64."""
    return mix(key + (np.uint64(row) + np.uint64(1)) * GOLDEN_GAMMA)


@njit(cache=True, inline="always")
def draw(stream, position):
    """64 random bits at a position of a stream: (uint64, integer) -> uint64."""
    return mix(stream + (np.uint64(position) + np.uint64(1)) * GOLDEN_GAMMA)


@njit(cache=True, inline="always")
def uniform(bits):
    """Random bits -> float64 in [0, 1)."""
    return (bits >> _11) * _TO_UNIT


@njit(cache=True, inline="always")
def below(bits, bound):
    """Random bits -> int64 in [0, bound), bound < 2**32, with a bias below bound / 2**32.

    Lemire's multiply-shift (2019, "Fast random integer generation in an interval").
    """
    return np.int64(((bits & _LOW_32) * np.uint64(bound)) >> _32)


@njit(cache=True)
def draw_rows(key, rows):
    """64 random bits for each of some rows: (uint64 key, integers [R]) -> uint64 [R]."""
    drawn = np.empty(len(rows), np.uint64)
    for i in range(len(rows)):
        drawn[i] = draw(stream(key, rows[i]), 0)
    return drawn
