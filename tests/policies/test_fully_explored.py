"""Groups of masks without overlap, Hamming distance 2 tau, each uniform (Zheng et al. 2020)."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from support.heuristic_cases import batches, masked_units, per_row, run_lengths, uniform_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.fully_explored import FullyExplored


def policy_of(unit, masks, rate):
    spec = specs.FullyExplored(kind="fully-explored", unit=unit, masks=masks, rate=rate)
    return FullyExplored(spec)


@pytest.mark.parametrize("unit", ["token", "word", "span"])
@settings(max_examples=20, deadline=None)
@given(batch=batches, masks=st.integers(2, 5), group=st.integers(0, 3))
def test_hamming_distance_is_exactly_twice_tau(unit, batch, masks, group):
    policy = policy_of(unit, masks, 0.2)
    epochs = range(group * masks, (group + 1) * masks)
    decided = [
        per_row(batch, policy.decide(batch, Address(0, "corpus", "fe", e)).mask) for e in epochs
    ]
    for row, flags in enumerate(per_row(batch, batch.word_start)):
        if unit == "token":
            flags = np.ones_like(flags)
        units = [masked_units(flags, mask[row]) for mask in decided]
        n = len(units[0])
        tau = min(max(1, int(0.2 * n + 0.5)), n // masks)
        assert all(np.count_nonzero(mask) == tau for mask in units)
        for one, other in combinations(units, 2):
            assert np.count_nonzero(one != other) == 2 * tau


@pytest.mark.parametrize("k", [0, 1, 2])
def test_each_mask_is_uniform_over_all_of_tau_tokens(k):
    batch = uniform_batch(6000, 6)
    mask = (
        policy_of("token", 3, 0.33)
        .decide(batch, Address(1, "corpus", "fe", 3 + k))
        .mask.reshape(-1, 6)
    )
    _, counts = np.unique(mask @ (1 << np.arange(6)), return_counts=True)
    assert len(counts) == 15  # of 2 out of 6
    assert chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("k", [0, 1, 2])
def test_each_word_is_in_each_mask_of_spans_as_often(k):
    n, rows = 12, 6000
    batch = uniform_batch(rows, n)
    mask = (
        policy_of("span", 3, 0.25)
        .decide(batch, Address(1, "corpus", "fe", 3 + k))
        .mask.reshape(-1, n)
    )
    assert (mask.sum(axis=1) == 3).all()
    assert mask.mean(axis=0) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / rows))


def test_masks_of_spans_are_spans():
    batch = uniform_batch(50, 200)
    mean = {}
    for unit in ("word", "span"):
        mask = policy_of(unit, 4, 0.15).decide(batch, Address(0, "corpus", "fe", 1)).mask
        lengths = np.concatenate([run_lengths(row) for row in per_row(batch, mask)])
        mean[unit] = lengths.mean()
    assert mean["word"] < 1.3 < 3 < mean["span"]


def test_a_row_of_fewer_units_than_masks_is_dropped():
    batch = TokenBatch.from_lists([[1, 2, 3], [1, 2, 3, 4]])
    mask = policy_of("token", 4, 0.2).decide(batch, Address(0, "corpus", "fe", 0)).mask
    assert not mask[:3].any()
    assert np.count_nonzero(mask[3:]) == 1


def test_a_group_may_explore_every_token_and_groups_differ():
    batch = uniform_batch(20, 40)
    policy = policy_of("token", 4, 0.25)
    masks = [policy.decide(batch, Address(0, "corpus", "fe", epoch)).mask for epoch in range(8)]
    assert np.any(masks[:4], axis=0).all()
    assert not np.array_equal(masks[0], masks[4])
