"""Exact counts, and every set of units equally likely."""

import numpy as np
from hypothesis import given, settings
from scipy.stats import chi2, chisquare
from support.heuristic_cases import SPECS, batches, budget, masked_units, per_row, uniform_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.random_units import RandomUnits


@settings(max_examples=20, deadline=None)
@given(batch=batches)
def test_exact_count_of_tokens(batch):
    mask = RandomUnits(SPECS["rand"]).decide(batch, Address(0, "corpus", "rand", 0)).mask
    for row in per_row(batch, mask):
        assert np.count_nonzero(row) == budget(0.25, len(row))


@settings(max_examples=20, deadline=None)
@given(batch=batches)
def test_exact_count_of_words(batch):
    mask = (
        RandomUnits(SPECS["whole-word"]).decide(batch, Address(0, "corpus", "whole-word", 0)).mask
    )
    for flags, row in zip(per_row(batch, batch.word_start), per_row(batch, mask), strict=True):
        words = masked_units(flags, row)
        assert np.count_nonzero(words) == budget(0.25, len(words))


def test_every_set_of_tokens_is_equally_likely():
    batch = uniform_batch(4000, 6)
    policy = RandomUnits(specs.RandomTokens(kind="rand", rate=1 / 3))
    mask = policy.decide(batch, Address(11, "corpus", "rand", 0)).mask.reshape(-1, 6)
    _, counts = np.unique(mask @ (1 << np.arange(6)), return_counts=True)
    assert len(counts) == 15  # of 2 out of 6
    assert chisquare(counts).pvalue > 0.01


def test_every_word_is_masked_as_often_whatever_its_length():
    lengths = [1, 4, 1, 2, 3, 1, 1, 5, 2, 1]
    flags = [i == 0 for n in lengths for i in range(n)]
    rows = 4000
    batch = TokenBatch.from_lists([[7] * len(flags)] * rows, word_start=[flags] * rows)
    policy = RandomUnits(specs.WholeWord(kind="whole-word", rate=0.3))
    mask = policy.decide(batch, Address(2, "corpus", "whole-word", 1)).mask.reshape(rows, -1)
    counts = mask[:, np.flatnonzero(flags)].sum(axis=0)
    n, k = len(lengths), 3
    # Draws without replacement vary less than independent ones.
    statistic = ((counts - rows * k / n) ** 2).sum() / (rows * k / n * (1 - k / n)) * (n - 1) / n
    assert chi2.sf(statistic, n - 1) > 0.01


def test_a_row_cut_inside_a_word_begins_with_a_unit():
    batch = TokenBatch.from_lists([[1, 2, 3, 4]] * 50, word_start=[[0, 0, 1, 0]] * 50)
    mask = (
        RandomUnits(SPECS["whole-word"]).decide(batch, Address(0, "corpus", "whole-word", 0)).mask
    )
    assert set(map(tuple, mask.reshape(-1, 4).tolist())) == {(1, 1, 0, 0), (0, 0, 1, 1)}


def test_golden():
    """A change of these bits changes every mask that was ever made."""
    batch = TokenBatch.from_lists([[0] * 20, [0] * 10], rows=[5, 1 << 40])
    mask = RandomUnits(SPECS["rand"]).decide(batch, Address(0, "corpus", "rand", 0)).mask
    assert np.flatnonzero(mask).tolist() == [1, 2, 3, 7, 11, 22, 25, 28]
