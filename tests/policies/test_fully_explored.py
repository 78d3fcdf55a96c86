"""Groups of masks without overlap, Hamming distance 2 tau, each uniform (Zheng et al. 2020)."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare
from support.heuristic_cases import batches, masked_units, per_row, run_lengths, uniform_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.fully_explored import FullyExplored
from maskpolicy.policies.random_spans import RandomSpans


def policy_of(unit, masks, rate):
    spec = specs.FullyExplored(kind="fully-explored", unit=unit, masks=masks, rate=rate)
    return FullyExplored(spec)


def masks_of(policy, batch, group, masks):
    """The masks of a group."""
    epochs = range(group * masks, (group + 1) * masks)
    return [policy.decide(batch, Address(0, "corpus", "fe", epoch)).mask for epoch in epochs]


@pytest.mark.parametrize("unit", ["token", "word", "span"])
@settings(max_examples=20, deadline=None)
@given(batch=batches, masks=st.integers(2, 5), group=st.integers(0, 3))
def test_hamming_distance_is_exactly_twice_tau(unit, batch, masks, group):
    policy = policy_of(unit, masks, 0.2)
    decided = [per_row(batch, mask) for mask in masks_of(policy, batch, group, masks)]
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
    mask = masks_of(policy_of("token", 3, 0.33), batch, 1, 3)[k].reshape(-1, 6)
    _, counts = np.unique(mask @ (1 << np.arange(6)), return_counts=True)
    assert len(counts) == 15  # of 2 out of 6
    assert chisquare(counts).pvalue > 0.01


ROOMY = pytest.mark.parametrize(
    ("n", "masks", "rate"), [(24, 4, 0.15), (60, 4, 0.25), (60, 2, 0.5), (200, 4, 0.15)]
)


def lengths_of(batch, mask):
    return np.concatenate([run_lengths(row) for row in per_row(batch, mask)])


@ROOMY
def test_spans_differ_from_random_spans_in_overlap_only(n, masks, rate):
    """No longer runs, so none that touch; as many of each length, whatever is left between them."""
    batch = uniform_batch(300_000 // n, n)
    random_spans = RandomSpans(specs.RandomSpans(kind="span", rate=rate))
    expected = lengths_of(batch, random_spans.decide(batch, Address(0, "corpus", "s", 0)).mask)
    explored = masks_of(policy_of("span", masks, rate), batch, 0, masks)
    assert (np.sum(explored, axis=0) <= 1).all()
    for mask in explored:
        lengths = lengths_of(batch, mask)
        assert lengths.max() == expected.max() <= 10
        assert lengths.mean() == pytest.approx(expected.mean(), rel=0.03)
        counts = [np.bincount(each)[1:] for each in (lengths, expected)]
        assert chi2_contingency(counts).pvalue > 0.001


@ROOMY
def test_spans_are_at_every_place_as_often_but_near_the_ends(n, masks, rate):
    rows = 200_000 // n
    explored = masks_of(policy_of("span", masks, rate), uniform_batch(rows, n), 1, masks)
    shares = np.array([mask.reshape(rows, n).mean(axis=0) for mask in explored])
    noise = 5 * np.sqrt(rate * (1 - rate) / rows)
    assert shares[:, 8:-8] == pytest.approx(shares[:, 8:-8].mean(), abs=noise + 0.05 * rate)
    for share in shares:  # no mask is preferred, and no end of the row
        assert share == pytest.approx(shares.mean(axis=0), abs=noise)
        assert share == pytest.approx(share[::-1], abs=1.5 * noise)


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
