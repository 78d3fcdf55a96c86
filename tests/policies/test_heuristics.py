"""What holds for every heuristic policy."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.heuristic_cases import (
    SENTENCE_UNITS,
    SPECS,
    WITHOUT_CHANCE,
    WORD_UNITS,
    batches,
    masked_units,
    per_row,
    random_batch,
    run_lengths,
)

from maskpolicy.arms import CONTROL
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.control import redraw
from maskpolicy.policies.registry import POLICIES, build_policy, find_policy

EVERY = [*SPECS, "orig-infill-token@control", "span@control", "mixture@control"]
few = settings(max_examples=10, deadline=None)


class Control:
    """The control of a policy, as if it were a policy too."""

    def __init__(self, policy, name):
        self.policy, self.name = policy, name
        self.spec = SPECS[name]

    def decide(self, batch, address):
        matched = self.policy.decide(batch, replace(address, policy=self.name))
        return redraw(batch, matched, address, self.spec)


@pytest.fixture(scope="module", params=EVERY)
def named(request, statistics):
    name = request.param.removesuffix(CONTROL)
    policy = build_policy(SPECS[name], statistics)
    return request.param, policy if request.param == name else Control(policy, name)


def test_every_heuristic_kind_is_tried():
    heuristics = {kind for kind in POLICIES if not issubclass(find_policy(kind), specs.Learned)}
    assert {spec.kind for spec in SPECS.values()} == heuristics


@few
@given(batch=batches, epoch=st.integers(0, 9))
def test_rows_decide_alone(named, batch, epoch):
    """Neither the other rows of the batch, nor their order, nor how batches are cut matters."""
    name, policy = named
    address = Address(3, "corpus", name, epoch)
    whole = policy.decide(batch, address)
    masks = per_row(batch, whole.mask)
    order = np.random.default_rng(epoch).permutation(len(batch))
    shuffled = TokenBatch(batch.tokens.take(order), batch.annotations.take(order))
    again = policy.decide(shuffled, address)
    assert np.array_equal(again.mask, np.concatenate([masks[row] for row in order]))
    for row in range(len(batch)):
        alone = TokenBatch(batch.tokens.slice(row, 1), batch.annotations.slice(row, 1))
        decisions = policy.decide(alone, address)
        assert np.array_equal(decisions.mask, masks[row])
        if whole.insertions is not None:
            inserted = per_row(batch, whole.insertions)[row]
            assert np.array_equal(decisions.insertions, inserted)


@few
@given(batch=batches)
def test_decisions_have_the_form_that_the_policy_declares(named, batch):
    name, policy = named
    decisions = policy.decide(batch, Address(0, "corpus", name, 0))
    assert decisions.mask.dtype == np.bool_ and len(decisions.mask) == len(batch.input_ids)
    inserts = SPECS[name.removesuffix(CONTROL)].inserts
    assert (decisions.insertions is not None) == inserts
    if inserts:
        assert len(decisions.insertions) == len(decisions.mask)


def test_rows_of_no_token_and_of_one(named):
    name, policy = named
    for sizes in ([], [0], [0, 1, 0, 2, 1]):
        decisions = policy.decide(random_batch(sizes), Address(0, "corpus", name, 0))
        assert len(decisions.mask) == sum(sizes)


@pytest.mark.parametrize("name", WORD_UNITS)
@few
@given(batch=batches)
def test_words_are_never_split(statistics, name, batch):
    decisions = build_policy(SPECS[name], statistics).decide(batch, Address(1, "corpus", name, 2))
    for flags, mask in zip(
        per_row(batch, batch.word_start), per_row(batch, decisions.mask), strict=True
    ):
        masked_units(flags, mask)


@pytest.mark.parametrize("name", SENTENCE_UNITS)
@few
@given(batch=batches)
def test_sentences_are_never_split_and_one_is_left(statistics, name, batch):
    decisions = build_policy(SPECS[name], statistics).decide(batch, Address(1, "corpus", name, 2))
    for flags, mask in zip(
        per_row(batch, batch.sentence_start), per_row(batch, decisions.mask), strict=True
    ):
        units = masked_units(flags, mask)
        assert np.count_nonzero(units) == min(
            max(1, int(0.3 * len(units) + 0.5)), max(len(units) - 1, 0)
        )


@pytest.mark.parametrize("name", SPECS)
@few
@given(batch=batches, epoch=st.integers(0, 3))
def test_control_matches_tokens_spans_and_insertions(statistics, name, batch, epoch):
    matched = build_policy(SPECS[name], statistics).decide(batch, Address(5, "corpus", name, epoch))
    address = Address(5, "corpus", name + CONTROL, epoch)
    decisions = redraw(batch, matched, address, SPECS[name])
    for row in range(len(batch)):
        assert sorted(_spans(batch, matched, row)) == sorted(_spans(batch, decisions, row))


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.keeps != "token"])
@few
@given(batch=batches)
def test_control_cuts_no_word_that_the_policy_does_not(statistics, name, batch):
    """Of entities, which begin and end anywhere here, as many are cut as before, at most."""
    matched = build_policy(SPECS[name], statistics).decide(batch, Address(5, "corpus", name, 0))
    control = redraw(batch, matched, Address(5, "corpus", name + CONTROL, 0), SPECS[name])
    for flags, before, after in zip(
        per_row(batch, batch.word_start),
        per_row(batch, matched.mask),
        per_row(batch, control.mask),
        strict=True,
    ):
        assert _cut_spans(flags, after) <= _cut_spans(flags, before)


def _cut_spans(flags, mask):
    """How many runs of a row begin or end inside a word."""
    whole = np.append(flags, True)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]]).astype(np.int8)))
    return np.count_nonzero(~whole[edges[::2]] | ~whole[edges[1::2]])


@pytest.mark.parametrize("name", SPECS)
def test_a_policy_decides_anew_each_epoch_where_its_record_says_so(statistics, name):
    """And its control where it does."""
    batch, spec = random_batch([40] * 30, seed=2), SPECS[name]
    policy = build_policy(spec, statistics)
    addresses = [Address(0, "corpus", name, epoch) for epoch in (0, 1)]
    first, second = (policy.decide(batch, address).mask for address in addresses)
    assert np.array_equal(first, second) != spec.redrawn
    matched = policy.decide(batch, addresses[0])
    first, second = (redraw(batch, matched, address, spec).mask for address in addresses)
    assert np.array_equal(first, second) != spec.redrawn
    assert not np.array_equal(first, matched.mask)


def _spans(batch, decisions, row):
    """Lengths of the spans of a row, 0 for an insertion."""
    mask = per_row(batch, decisions.mask)[row]
    if decisions.insertions is None:
        return run_lengths(mask).tolist()
    lengths, inside = [], False
    for masked, inserted in zip(mask, per_row(batch, decisions.insertions)[row], strict=True):
        if inserted and not (masked and inside):
            lengths.append(0)
        if masked and (inserted or not inside):
            lengths.append(1)
        elif masked:
            lengths[-1] += 1
        inside = masked
    return lengths


@pytest.mark.parametrize("name", [name for name in SPECS if name not in WITHOUT_CHANCE])
def test_seed_corpus_policy_and_epoch_each_change_the_masks(statistics, name):
    batch = random_batch([40] * 30, seed=1)
    policy = build_policy(SPECS[name], statistics)
    masks = [
        policy.decide(batch, Address(*address)).mask.tobytes()
        for address in (
            (0, "corpus", "a", 0),
            (1, "corpus", "a", 0),
            (0, "other", "a", 0),
            (0, "corpus", "b", 0),
            (0, "corpus", "a", 1),
        )
    ]
    assert len(set(masks)) == 5


@pytest.mark.parametrize("name", SPECS)
def test_a_batch_that_was_seen_before_is_decided_as_if_it_was_not(statistics, name):
    batch = random_batch([40] * 30, seed=2, titled=True)
    policy = build_policy(SPECS[name], statistics)
    for epoch in range(2):
        address = Address(0, "corpus", name, epoch)
        again = policy.decide(batch, address).mask
        assert np.array_equal(
            again, build_policy(SPECS[name], statistics).decide(batch, address).mask
        )


GOLDEN = {
    "pmi": "9506b14bd20d9e61",
    "informative": "7f454c88b05cb5b4",
    "idf": "e379081fd8a5ff88",
    "pos": "1fc188a1a1716778",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(statistics, name):
    """A change of these bits changes every mask that was ever made."""
    batch = random_batch([0, 1, *range(2, 120), 700], seed=11)
    policy = build_policy(SPECS[name], statistics)
    digest = sha256()
    for epoch in range(3):
        digest.update(policy.decide(batch, Address(0, "corpus", name, epoch)).mask.tobytes())
    assert digest.hexdigest()[:16] == GOLDEN[name]
