"""Span lengths and places against their published distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import chisquare
from support.heuristic_cases import (
    SPECS,
    batches,
    budget,
    masked_units,
    per_row,
    run_lengths,
    uniform_batch,
)

from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.random_spans import RandomSpans, geometric_distribution

GEOMETRIC = specs.GeometricLengths(distribution="geometric")


def test_geometric_lengths_have_spanbert_s_mean():
    probabilities = np.diff(geometric_distribution(GEOMETRIC), prepend=0)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[1:] / probabilities[:-1] == pytest.approx(0.8)
    # "yielding a mean span length of 3.8", Joshi et al. 2020, section 3.1
    assert probabilities @ np.arange(1, 11) == pytest.approx(3.8, abs=0.01)


@pytest.mark.parametrize("name", ["span", "span-t5"])
@settings(max_examples=20, deadline=None)
@given(batch=batches)
def test_exact_count_of_words_in_separate_spans(name, batch):
    mask = RandomSpans(SPECS[name]).decide(batch, Address(0, "corpus", name, 0)).mask
    for flags, row in zip(per_row(batch, batch.word_start), per_row(batch, mask), strict=True):
        words = masked_units(flags, row)
        assert np.count_nonzero(words) == budget(0.25, len(words))
        if name == "span-t5" and len(words):
            masked = budget(0.25, len(words))
            spans = min(max(1, int(masked / 2.5 + 0.5)), masked)
            assert len(run_lengths(words)) == spans


def test_lengths_follow_the_geometric_distribution():
    policy = RandomSpans(specs.RandomSpans(kind="span", rate=0.2))
    batch = uniform_batch(40, 1000)
    mask = policy.decide(batch, Address(4, "corpus", "span", 0)).mask
    lengths = np.concatenate([run_lengths(row) for row in per_row(batch, mask)])
    expected = np.diff(geometric_distribution(GEOMETRIC), prepend=0) * len(lengths)
    # One span a row is cut to meet the budget: 1 in 50, too few to show.
    assert chisquare(np.bincount(lengths, minlength=11)[1:], expected).pvalue > 0.01


def test_fixed_mean_splits_the_budget_every_way_as_often():
    lengths = specs.FixedMeanLengths(distribution="fixed-mean", mean=2.0)
    policy = RandomSpans(specs.RandomSpans(kind="span", rate=0.25, lengths=lengths))
    batch = uniform_batch(3000, 16)  # a budget of 4 in 2 spans
    mask = policy.decide(batch, Address(9, "corpus", "span", 0)).mask
    splits = [tuple(run_lengths(row)) for row in per_row(batch, mask)]
    counts = [splits.count(split) for split in [(1, 3), (2, 2), (3, 1)]]
    assert sum(counts) == 3000
    assert chisquare(counts).pvalue > 0.01


def test_every_placement_is_equally_likely():
    lengths = specs.FixedMeanLengths(distribution="fixed-mean", mean=1.0)
    policy = RandomSpans(specs.RandomSpans(kind="span", rate=0.5, lengths=lengths))
    batch = uniform_batch(4000, 6)  # 3 spans of one unit, apart
    mask = policy.decide(batch, Address(1, "corpus", "span", 0)).mask.reshape(-1, 6)
    _, counts = np.unique(mask @ (1 << np.arange(6)), return_counts=True)
    assert len(counts) == 4
    assert chisquare(counts).pvalue > 0.01
