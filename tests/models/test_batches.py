"""Batches: every example once a pass, in an order that depends on seed and pass alone."""

from itertools import islice

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.models.batches import POOL, PairBatches, bucketed_order, pad


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=300),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=50)
def test_a_pass_holds_every_example_once(lengths, batch_size, seed):
    batches = bucketed_order(np.array(lengths), batch_size, seed, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size


def test_the_order_is_a_function_of_seed_and_pass():
    lengths = np.arange(1000) % 37
    first = np.concatenate(bucketed_order(lengths, 8, seed=1, number=0))
    assert np.array_equal(first, np.concatenate(bucketed_order(lengths, 8, seed=1, number=0)))
    assert not np.array_equal(first, np.concatenate(bucketed_order(lengths, 8, seed=1, number=1)))
    assert not np.array_equal(first, np.concatenate(bucketed_order(lengths, 8, seed=2, number=0)))


def test_batches_hold_similar_lengths():
    lengths = np.random.default_rng(0).integers(1, 200, size=POOL * 16)
    batches = bucketed_order(lengths, 16, seed=0, number=0)
    padded = sum(lengths[b].max() * len(b) for b in batches)
    assert padded < 1.05 * lengths.sum()


def test_padding_is_on_the_right():
    assert pad([[5, 6], [7]], 1).tolist() == [[5, 6], [7, 1]]


def test_pair_batches_go_on_for_ever():
    pairs = [([0, i, 2], [0, i, i, 2]) for i in range(5, 12)]
    batches = list(islice(PairBatches(pairs, padding=1, batch_size=3, seed=0), 6))
    one_pass = torch.cat([batch.source[:, 1] for batch in batches[:3]])
    assert sorted(one_pass.tolist()) == list(range(5, 12))
    assert all(batch.target.shape[1] == 4 for batch in batches)
