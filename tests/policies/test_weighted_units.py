"""Weighted sampling without replacement, and the policies that only differ in their weights."""

import numpy as np
import pytest
from scipy.stats import chisquare
from support.heuristic_cases import per_row

from maskpolicy.corpora.shards import PARTS_OF_SPEECH, MissingAnnotations, TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.parts_of_speech import PartsOfSpeech


def drawn(weights, count, rows=4000):
    """Masks of `count` of so many words as there are weights, bool [rows, words]."""
    tags = PARTS_OF_SPEECH[: len(weights)]
    batch = TokenBatch.from_lists(
        [[0] * len(weights)] * rows, part_of_speech=[tags] * rows, rows=range(rows)
    )
    spec = specs.PartsOfSpeech(
        kind="pos",
        rate=count / len(weights),
        weights={tag: float(w) for tag, w in zip(tags, weights, strict=True) if w},
    )
    return PartsOfSpeech(spec).decide(batch, Address(1, "corpus", "pos", 0)).mask.reshape(rows, -1)


def test_the_first_draw_is_proportional_to_the_weights():
    counts = drawn([1, 0, 2, 5], 1).sum(axis=0)
    assert counts[1] == 0
    assert chisquare(counts[[0, 2, 3]], 4000 * np.array([1, 2, 5]) / 8).pvalue > 0.01


def test_the_second_draw_is_among_what_is_left():
    mask = drawn([1, 2, 5], 2)
    left_out = (~mask).sum(axis=0)
    # P(i is left out) = sum over the orders of the two others.
    w = np.array([1, 2, 5]) / 8
    expected = [
        w[j] * w[k] / (1 - w[j]) + w[k] * w[j] / (1 - w[k]) for j, k in ((1, 2), (0, 2), (0, 1))
    ]
    assert chisquare(left_out, 4000 * np.array(expected)).pvalue > 0.01


def test_units_without_weight_are_never_drawn():
    assert drawn([0, 3, 0, 1], 3, rows=5).tolist() == [[False, True, False, True]] * 5


def test_words_are_masked_by_the_part_of_speech_of_their_first_token():
    tags = ["DET", "NOUN", "PUNCT", "VERB", "ADP", "NOUN", "NOUN", "PUNCT"]
    words = [True, True, False, True, True, True, True, True]
    rows = 3000
    batch = TokenBatch.from_lists(
        [[0] * 8] * rows, word_start=[words] * rows, part_of_speech=[tags] * rows
    )
    spec = specs.PartsOfSpeech(kind="pos", rate=0.15, weights={"NOUN": 1.0, "VERB": 2.0})
    mask = PartsOfSpeech(spec).decide(batch, Address(0, "corpus", "pos", 0)).mask.reshape(rows, 8)
    assert np.array_equal(mask[:, 1], mask[:, 2])
    counts = mask.sum(axis=0)[[1, 3, 5, 6]]
    assert counts.sum() == rows  # one word of seven
    assert chisquare(counts, rows * np.array([1, 2, 1, 1]) / 5).pvalue > 0.01


def test_fewer_words_with_a_weight_than_the_budget():
    batch = TokenBatch.from_lists(
        [[0] * 10, [0] * 3], part_of_speech=[["X"] * 9 + ["NUM"], ["X"] * 3]
    )
    spec = specs.PartsOfSpeech(kind="pos", rate=0.5, weights={"NUM": 1.0})
    mask = PartsOfSpeech(spec).decide(batch, Address(0, "corpus", "pos", 0)).mask
    assert [np.flatnonzero(row).tolist() for row in per_row(batch, mask)] == [[9], []]


def test_without_annotations():
    spec = specs.PartsOfSpeech(kind="pos", weights={"NUM": 1.0})
    with pytest.raises(MissingAnnotations, match="part_of_speech"):
        PartsOfSpeech(spec).decide(TokenBatch.from_lists([[1]]), Address(0, "corpus", "pos", 0))
