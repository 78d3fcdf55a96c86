"""First, random and principal sentences."""

import numpy as np
import pytest
from support.heuristic_cases import per_row, uniform_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.random_units import RandomUnits
from maskpolicy.policies.sentences import FirstSentences, GapSentences

ADDRESS = Address(0, "corpus", "sentences", 0)


def batch_of(*rows):
    """Each row a list of sentences."""
    return TokenBatch.from_lists(
        [[token for sentence in row for token in sentence] for row in rows],
        sentence_start=[[i == 0 for sentence in row for i in range(len(sentence))] for row in rows],
    )


def test_first_sentences():
    batch = batch_of([[1, 2], [3], [4, 5, 6], [7]], [[1, 2, 3]], [[1], [2, 3]])
    policy = FirstSentences(specs.MaskFirstSentences(kind="mask-first-sentences", rate=0.5))
    masked = [row.tolist() for row in per_row(batch, policy.decide(batch, ADDRESS).mask)]
    assert masked == [[1, 1, 1, 0, 0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_random_sentences_are_each_masked_as_often():
    batch = batch_of(*[[[1, 2], [3], [4, 5, 6], [7]]] * 2000)
    policy = RandomUnits(specs.MaskRandomSentences(kind="mask-random-sentences", rate=0.25))
    mask = policy.decide(batch, ADDRESS).mask.reshape(2000, 7)
    assert mask[:, [0, 2, 3, 6]].mean(axis=0) == pytest.approx(0.25, abs=0.03)


SENTENCES = [[1, 2, 3], [1, 1, 1, 1], [2, 3, 9], [1, 1, 8], [2, 7]]


@pytest.mark.parametrize(
    ("selection", "counts", "masked"),
    [
        # Words shared with the rest: 3, 3, 2, 2, 1 of those counted as often as they occur;
        ("independent", "original", {0, 1}),
        # 3, 1, 2, 1, 1 of those counted once.
        ("independent", "uniq", {0, 2}),
        # The later of the first two; then, together with it, 1 1 1 2 3 beats 1 1 2 3 and 1 1 1 2.
        ("sequential", "original", {1, 2}),
        # The first; then, together with it, 1 2 3 with any but the third: the last of those.
        ("sequential", "uniq", {0, 4}),
    ],
)
def test_principal_sentences(selection, counts, masked):
    batch = batch_of(SENTENCES)
    spec = specs.GapSentences(kind="gap-sentences", rate=0.4, selection=selection, counts=counts)
    mask = GapSentences(spec).decide(batch, ADDRESS).mask
    sentence = np.repeat(range(5), list(map(len, SENTENCES)))
    assert set(sentence[mask].tolist()) == masked


def test_one_sentence_is_never_masked():
    batch = uniform_batch(3, 10)
    for policy in (
        FirstSentences(specs.MaskFirstSentences(kind="mask-first-sentences")),
        GapSentences(specs.GapSentences(kind="gap-sentences")),
        RandomUnits(specs.MaskRandomSentences(kind="mask-random-sentences")),
    ):
        assert not policy.decide(batch, ADDRESS).mask.any()
