"""The control's places."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from support.heuristic_cases import per_row, run_lengths, spec_of, uniform_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.control import redraw

TOKENS = spec_of({"kind": "rand"})
WORDS = spec_of({"kind": "whole-word"})


def test_every_placement_of_separate_spans_is_equally_likely():
    """Of rows of 7 whose tokens 0 and 1 are masked together, and 3."""
    batch = uniform_batch(6000, 7)
    matched = Decisions(np.tile([True, True, False, True, False, False, False], len(batch)))
    address = Address(0, "corpus", "fixed@control", 0)
    mask = redraw(batch, matched, address, TOKENS).mask.reshape(-1, 7)
    _, counts = np.unique(mask @ (1 << np.arange(7)), return_counts=True)
    # A span of 2, one of 1 and 4 tokens around them: 2 orders of C(5, 2) places.
    assert len(counts) == 20
    assert chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("spec", [TOKENS, WORDS])
def test_spans_without_room_to_be_apart_stay_separate(spec):
    """4 tokens of 5 are masked as spans of 2, 1 and 1, with an insertion before the last token."""
    batch = uniform_batch(100, 5)
    mask = np.tile([True, True, True, True, False], len(batch))
    matched = Decisions(mask, np.tile([False, False, True, True, True], len(batch)))
    decisions = redraw(batch, matched, Address(0, "corpus", "touching@control", 0), spec)
    mask, insertions = decisions.mask.reshape(-1, 5), decisions.insertions.reshape(-1, 5)
    assert (mask.sum(axis=1) == 4).all()
    begins = mask & ~np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    separated = insertions & mask & ~begins
    assert ((begins | separated).sum(axis=1) == 3).all()
    assert ((insertions & ~separated).sum(axis=1) == 1).all()


def placements(words, spans):
    """Every mask of a row of words of so many tokens with whole words as separate spans."""
    bounds = np.cumsum([0, *words])
    pairs = [(int(a), int(b)) for a, b in product(bounds, bounds) if a < b]
    found = set()
    for order in set(permutations(spans)):
        for chosen in product(*([p for p in pairs if p[1] - p[0] == size] for size in order)):
            if all(one[1] < two[0] for one, two in pairwise(chosen)):
                mask = np.zeros(bounds[-1], np.bool_)
                for begin, end in chosen:
                    mask[begin:end] = True
                found.add(mask.tobytes())
    return found


def test_every_placement_of_whole_words_is_equally_likely():
    """Words of 1, 2, 1, 3, 1, 1 and 2 tokens; a span of 2 tokens and one of 3 are masked."""
    words, rows = (1, 2, 1, 3, 1, 1, 2), 6000
    flags = [i == 0 for size in words for i in range(size)]
    batch = TokenBatch.from_lists([list(range(11))] * rows, word_start=[flags] * rows)
    matched = np.zeros(11, np.bool_)
    matched[[1, 2, 4, 5, 6]] = True
    address = Address(0, "corpus", "words@control", 0)
    mask = redraw(batch, Decisions(np.tile(matched, rows)), address, WORDS).mask.reshape(rows, 11)
    expected = placements(words, (2, 3))
    drawn = [row.tobytes() for row in mask]
    assert set(drawn) == expected
    # Both orders as often, and in each every placement.
    first = [mask for mask in expected if run_lengths(np.frombuffer(mask, np.bool_))[0] == 2]
    for order in (first, expected - set(first)):
        counts = [drawn.count(mask) for mask in order]
        assert sum(counts) == pytest.approx(rows / 2, abs=4 * np.sqrt(rows / 4))
        assert chisquare(counts).pvalue > 0.01


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=30), min_size=1), st.data())
def test_whole_words_stay_whole_in_spans_as_long(rows, data):
    """Whatever words are masked, all of them too: the budget is exact in every row."""
    flags = [[i == 0 for size in words for i in range(size)] for words in rows]
    batch = TokenBatch.from_lists([list(range(len(row))) for row in flags], word_start=flags)
    chosen = [data.draw(st.lists(st.booleans(), min_size=len(w), max_size=len(w))) for w in rows]
    matched = np.concatenate([np.repeat(c, w) for c, w in zip(chosen, rows, strict=True)])
    mask = redraw(batch, Decisions(matched), Address(0, "corpus", "w@control", 0), WORDS).mask
    for words, before, after in zip(
        rows, per_row(batch, matched), per_row(batch, mask), strict=True
    ):
        assert sorted(run_lengths(after)) == sorted(run_lengths(before))
        assert len({*np.cumsum([0, *words])} | {*np.flatnonzero(np.diff(after)) + 1}) == 1 + len(
            words
        )


def test_a_long_row_is_placed_in_words():
    """More placements than a float64 can count."""
    words = np.random.default_rng(0).integers(1, 4, 3000)
    flags = np.zeros(words.sum(), np.bool_)
    flags[np.cumsum(words) - words] = True
    batch = TokenBatch.from_lists([[0] * len(flags)], word_start=[flags.tolist()])
    matched = np.repeat(np.random.default_rng(1).random(3000) < 0.3, words)
    mask = redraw(batch, Decisions(matched), Address(0, "corpus", "l@control", 0), WORDS).mask
    assert sorted(run_lengths(mask)) == sorted(run_lengths(matched))
    assert flags[1:][mask[1:] != mask[:-1]].all()
    assert 0.1 < mask[matched].mean() < 0.5
