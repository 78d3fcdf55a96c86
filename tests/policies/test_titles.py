"""Titles: seen by no sentence policy, and by no policy that is told so."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from support.heuristic_cases import SPECS, per_row, random_batch, spec_of, titled_batches

from maskpolicy.arms import CONTROL
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.errors import InputError
from maskpolicy.policies.base import PolicySpec
from maskpolicy.policies.control import redraw
from maskpolicy.policies.registry import build_policy

few = settings(max_examples=10, deadline=None)


@pytest.mark.parametrize("name", SPECS)
@few
@given(batch=titled_batches)
def test_a_policy_without_titles_decides_as_if_there_were_none(statistics, name, batch):
    """Neither does its control mask any."""
    spec = SPECS[name].model_copy(update={"titles": False})
    address = Address(0, "corpus", name, 0)
    policy = build_policy(spec, statistics)
    decisions = policy.decide(batch, address)
    bare = policy.decide(batch.text, address)
    for column, text in zip(vars(decisions).values(), vars(bare).values(), strict=True):
        assert (column is None) == (text is None)
        if column is not None:
            assert not column[~batch.in_text].any()
            assert np.array_equal(column[batch.in_text], text)
    control = redraw(batch, decisions, replace(address, policy=name + CONTROL), spec)
    assert not control.mask[~batch.in_text].any()
    assert control.mask.sum() == decisions.mask.sum()


def test_the_text_of_a_batch_has_what_is_annotated_there():
    batch = TokenBatch.from_lists(
        [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10]],
        rows=[5, 7, 9],
        word_start=[[1, 0, 1, 0, 1], [1, 1], [1, 1, 0]],
        sentence_start=[[0, 0, 1, 0, 1], [1, 0], [0, 1, 0]],
        title_lengths=[2, 0, 1],
        # In the title, from there into the text, and in the text.
        entities=[[(0, 2, "GPE"), (1, 3, "DATE"), (3, 5, "ORG")], [(0, 1, "LAW")], [(0, 1, "LOC")]],
        part_of_speech=[["ADJ", "ADP", "ADV", "AUX", "DET"], ["X", "SYM"], ["NUM", "VERB", "X"]],
    )
    assert batch.in_text.tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 1, 1]
    expected = TokenBatch.from_lists(
        [[3, 4, 5], [6, 7], [9, 10]],
        rows=[5, 7, 9],
        word_start=[[1, 0, 1], [1, 1], [1, 0]],
        sentence_start=[[1, 0, 1], [1, 0], [1, 0]],
        entities=[[(0, 1, "DATE"), (1, 3, "ORG")], [(0, 1, "LAW")], []],
        part_of_speech=[["ADV", "AUX", "DET"], ["X", "SYM"], ["VERB", "X"]],
    )
    for part in (slice(0, 3), slice(1, 3)):  # of a slice of it too
        rows = (part.start, part.stop - part.start)
        of_batch, of_expected = (
            TokenBatch(each.tokens.slice(*rows), each.annotations.slice(*rows))
            for each in (batch, expected)
        )
        assert of_batch.text.tokens == of_expected.tokens
        assert of_batch.text.annotations == of_expected.annotations


def test_the_first_sentence_is_not_the_title():
    """A title of two tokens, then sentences of two; a row of one sentence has none to spare."""
    batch = TokenBatch.from_lists(
        [[0] * 6, [0] * 4],
        sentence_start=[[0, 0, 1, 0, 1, 0], [0, 0, 1, 0]],
        title_lengths=[2, 2],
    )
    address = Address(0, "corpus", "sentences", 0)
    first = build_policy(spec_of({"kind": "mask-first-sentences"})).decide(batch, address).mask
    assert [row.tolist() for row in per_row(batch, first)] == [[0, 0, 1, 1, 0, 0], [0] * 4]
    random = build_policy(spec_of({"kind": "mask-random-sentences"})).decide(batch, address).mask
    assert random[2:4].all() != random[4:6].all()
    assert random.sum() == 2


def test_each_policy_of_a_mixture_has_its_own_say():
    parts = [{"kind": "rand", "rate": 0.9}, {"kind": "rand", "rate": 0.9, "titles": False}]
    components = [{"weight": 1, "policy": policy} for policy in parts]
    batch = random_batch([20] * 200, titled=True)
    titled = [row for row in np.flatnonzero(batch.title_lengths > 3)]
    policy = build_policy(spec_of({"kind": "mixture", "components": components}))
    masks = per_row(batch, policy.decide(batch, Address(0, "corpus", "mixture", 0)).mask)
    in_titles = [masks[row][: batch.title_lengths[row]].any() for row in titled]
    assert np.mean(in_titles) == pytest.approx(0.5, abs=0.15)


class Everything(PolicySpec):
    kind: str = "everything"
    tokens: int = 0  # how many more than it should it decides for

    def decide(self, batch, address):
        return Decisions(np.ones(len(batch.input_ids) + self.tokens, np.bool_))


class OwnSentences(Everything):
    keeps: ClassVar = "sentence"


def test_a_policy_of_a_users_own_is_told_like_any_other():
    batch, address = random_batch([9, 4, 8], titled=True), Address(0, "corpus", "own", 0)
    mask = build_policy(Everything(titles=False)).decide(batch, address).mask
    assert np.array_equal(mask, batch.in_text)
    assert build_policy(Everything()).decide(batch, address).mask.all()
    with pytest.raises(InputError, match="one bool for each token"):
        build_policy(Everything(titles=False, tokens=1)).decide(batch, address)
    with pytest.raises(ValueError, match="a title is no sentence"):
        OwnSentences()


def test_a_network_reads_the_text_of_a_batch_once():
    """What is remembered for a batch is found again in the next epoch."""
    batch = random_batch([9, 4, 8], titled=True)
    assert batch.text is batch.text
