"""Text infilling against its formula and its bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import poisson
from support.heuristic_cases import SPECS, batches, masked_units, per_row, uniform_batch

from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.infilling import TextInfilling, poisson_probabilities


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0])
def test_lengths_are_poisson(mean):
    probabilities = poisson_probabilities(mean)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities == pytest.approx(poisson.pmf(range(len(probabilities)), mean), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(batch=batches)
def test_at_most_the_budget_and_at_least_a_word(batch):
    decisions = TextInfilling(SPECS["orig-infill"]).decide(batch, Address(0, "corpus", "orig", 0))
    rows = zip(per_row(batch, batch.word_start), per_row(batch, decisions.mask), strict=True)
    for flags, mask in rows:
        words = masked_units(flags, mask)
        assert min(1, len(words)) <= np.count_nonzero(words) <= math.ceil(0.3 * len(words))


@settings(max_examples=30, deadline=None)
@given(batch=batches)
def test_insertions_between_masked_words_stand_where_a_word_begins(batch):
    decisions = TextInfilling(SPECS["orig-infill"]).decide(batch, Address(0, "corpus", "orig", 0))
    before = np.append(False, decisions.mask[:-1])
    before[batch.offsets[:-1][np.diff(batch.offsets) > 0]] = False
    separating = decisions.insertions & decisions.mask & before
    assert (batch.word_start | ~separating).all()


def test_a_budget_of_one_long_span_is_spent_at_once():
    spec = specs.OrigInfill(kind="orig-infill", rate=0.2, mean_span=1000.0)
    batch = uniform_batch(200, 50)
    decisions = TextInfilling(spec).decide(batch, Address(0, "corpus", "orig", 0))
    assert not decisions.insertions.any()
    masked = decisions.mask.reshape(-1, 50)
    begins = masked & ~np.pad(masked, ((0, 0), (1, 0)))[:, :-1]
    assert (begins.sum(axis=1) == 1).all()
    # A span of 10 words, cut only by the end of the row.
    assert np.all((masked.sum(axis=1) == 10) | masked[:, -1])
