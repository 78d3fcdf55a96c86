"""Addressed randomness: reference values, uniformity and independence of addresses."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from maskpolicy.randomness import below, draw, draw_rows, key, mix, stream, uniform


@njit
def draws(stream_key, n):
    values = np.empty(n, np.uint64)
    for i in range(n):
        values[i] = draw(stream_key, i)
    return values


@njit
def units(bits):
    values = np.empty(len(bits), np.float64)
    for i in range(len(bits)):
        values[i] = uniform(bits[i])
    return values


@njit
def bounded(bits, bound):
    values = np.empty(len(bits), np.int64)
    for i in range(len(bits)):
        values[i] = below(bits[i], bound)
    return values


@njit
def row_streams(base, n):
    values = np.empty(n, np.uint64)
    for i in range(n):
        values[i] = stream(base, i)
    return values


def splitmix64(state):
    """The published generator, in Python's integers."""
    mask = (1 << 64) - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


@pytest.mark.parametrize("seed", [0, 1, 1234567, (1 << 64) - 1])
def test_draws_are_splitmix64s_sequence(seed):
    reference = splitmix64(seed)
    expected = [next(reference) for _ in range(20)]
    assert draws(np.uint64(seed), 20).tolist() == expected


def test_a_published_value():
    """The first output of SplitMix64 for seed 0."""
    assert int(draws(np.uint64(0), 1)[0]) == 0xE220A8397B1DCDAF


def test_keys_tell_addresses_apart():
    addresses = [
        (s, p, e) for s in range(5) for p in ("rand", "ssm", "rand@control") for e in range(9)
    ]
    assert len({int(key(*address)) for address in addresses}) == len(addresses)
    assert key(1, "rand", 0) == key(1, "rand", 0)
    assert key("1", "rand", 0) != key(1, "rand", 0)


def test_mix_is_a_bijection_where_tried():
    values = np.arange(10_000, dtype=np.uint64)
    with np.errstate(over="ignore"):
        assert len({int(mix.py_func(v)) for v in values}) == len(values)


def test_units_are_uniform():
    values = units(draws(key(0, "test"), 100_000))
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > 0.001


@pytest.mark.parametrize("bound", [1, 2, 3, 7, 100])
def test_bounded_draws_are_uniform(bound):
    values = bounded(draws(key(0, "test"), 50_000), bound)
    counts = np.bincount(values, minlength=bound)
    assert len(counts) == bound
    if bound > 1:
        assert stats.chisquare(counts).pvalue > 0.001


def test_neighbouring_rows_and_positions_are_independent():
    streams = row_streams(key(0, "test"), 2_000)
    table = np.array([units(draws(s, 20)) for s in streams])
    across_rows = np.corrcoef(table[:-1].ravel(), table[1:].ravel())[0, 1]
    across_positions = np.corrcoef(table[:, :-1].ravel(), table[:, 1:].ravel())[0, 1]
    assert abs(across_rows) < 0.02
    assert abs(across_positions) < 0.02


def test_rows_are_drawn_by_their_numbers_alone():
    base = key(0, "rows")
    every = draw_rows(base, np.arange(10))
    assert every.tolist() == [draws(stream_of_row, 1)[0] for stream_of_row in row_streams(base, 10)]
    assert (draw_rows(base, np.array([7, 2])) == every[[7, 2]]).all()
