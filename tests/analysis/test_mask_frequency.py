"""Ranks and slopes: exact where the frequencies are a power of the rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskpolicy.analysis.mask_frequency import binned, frequencies, harmonic, ranked_types


def test_ranks_are_by_frequency_then_by_id():
    assert ranked_types(np.array([2, 0, 7, 2, 1, 0])).tolist() == [2, 0, 3, 4]


@given(st.integers(2, 3000))
def test_frequencies_that_go_with_one_over_rank_have_the_slope_of_minus_one(ranks):
    zipf = harmonic(ranks)
    assert zipf.sum() == pytest.approx(1)
    bins = binned(zipf)
    assert bins.slope == pytest.approx(-1)
    assert bins.fitted == pytest.approx(bins.frequencies)
    assert binned(np.full(ranks, 0.25)).slope == pytest.approx(0, abs=1e-9)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=400))
def test_bins_hold_every_rank_once(counts):
    bins = binned(np.array(counts, float))
    assert (np.diff(bins.ranks) > 0).all()
    assert ((bins.ranks >= 1) & (bins.ranks <= len(counts))).all()
    assert (bins.frequencies > 0).all()
    assert np.isfinite(bins.fitted).all()
    assert bins.slope is None or np.isfinite(bins.slope)


def test_tokens_that_are_never_masked_count():
    """Every second token is masked: as often in a bin as half of them always."""
    counts = np.where(np.arange(4000) % 2, 10.0, 0.0)
    late = binned(counts).frequencies[-3:]
    assert late == pytest.approx([5, 5, 5], rel=0.01)


@pytest.mark.parametrize("counts", [[], [0, 0, 0], [3], [3, 0, 0]])
def test_fewer_than_two_bins_have_no_slope(counts):
    bins = binned(frequencies(np.array(counts)))
    assert bins.slope is None
    assert len(bins.fitted) == len(bins.ranks) < 2
