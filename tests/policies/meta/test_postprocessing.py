"""Whole words, the 50 % rule, and logistic noise."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskpolicy.policies.meta.postprocessing import draw_tokens, logistic_noise, mask_whole_words
from maskpolicy.randomness import key

KEY = key(0, "test")


@st.composite
def masked_rows(draw):
    """(rows, offsets, word_start, mask): up to six rows of up to 30 tokens."""
    lengths = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6))
    total = sum(lengths)
    flags = st.lists(st.booleans(), min_size=total, max_size=total)
    rare = draw(st.booleans())
    mask = np.array(draw(flags), np.bool_)
    if rare:
        mask &= np.array(draw(flags), np.bool_)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    rows = np.arange(len(lengths)) * 7 + draw(st.integers(0, 1000))
    return rows, offsets, np.array(draw(flags), np.bool_), mask


def words_of(word_start, first, last):
    begins = [i for i in range(first, last) if i == first or word_start[i]]
    return list(pairwise([*begins, last]))


def processed(rows, offsets, word_start, mask):
    result = mask.copy()
    mask_whole_words(KEY, rows, offsets, word_start, result)
    return result


@settings(deadline=None, max_examples=150)
@given(masked_rows())
def test_words_are_masked_whole_and_rows_not_too_much(case):
    _, offsets, word_start, mask = case
    result = processed(*case)
    for first, last in pairwise(offsets):
        words = words_of(word_start, first, last)
        expanded = {w for w in words if mask[w[0] : w[1]].any()}
        kept = {w for w in words if result[w[0] : w[1]].all()}
        assert all(result[a:b].all() or not result[a:b].any() for a, b in words)
        n, size = last - first, sum(b - a for a, b in expanded)
        if size <= 0.5 * n:
            assert kept == expanded
        else:
            left = sum(b - a for a, b in kept)
            assert kept < expanded
            assert left < 0.3 * n
            # No more is unmasked than it takes: with the word that went last it was too much.
            assert any(left + b - a >= 0.3 * n for a, b in expanded - kept)


@settings(deadline=None, max_examples=40)
@given(masked_rows(), st.data())
def test_rows_do_not_depend_on_their_company(case, data):
    rows, offsets, word_start, mask = case
    together = processed(*case)
    b = data.draw(st.integers(0, len(rows) - 1))
    inside = slice(offsets[b], offsets[b + 1])
    one = np.array([0, offsets[b + 1] - offsets[b]], np.int32)
    alone = processed(rows[b : b + 1], one, word_start[inside], mask[inside])
    assert np.array_equal(alone, together[inside])


def test_words_to_unmask_are_drawn_uniformly():
    """Ten words of one token, all masked: two stay, each word as often as any other."""
    rows, offsets = np.arange(20_000), np.arange(20_001, dtype=np.int32) * 10
    everything = np.ones(200_000, np.bool_)
    kept = processed(rows, offsets, everything, everything).reshape(-1, 10)
    assert (kept.sum(axis=1) == 2).all()
    assert stats.chisquare(kept.sum(axis=0)).pvalue > 1e-3


def test_the_noise_is_logistic_and_addressed():
    rows = np.arange(400)
    noise = logistic_noise(KEY, rows, 100)
    assert noise.dtype == np.float32
    assert stats.kstest(noise.ravel()[::7], "logistic").pvalue > 1e-3
    assert np.array_equal(logistic_noise(KEY, rows[50:60], 40), noise[50:60, :40])
    assert not np.array_equal(logistic_noise(key(1, "test"), rows, 100), noise)


def test_tokens_are_masked_as_likely_as_their_log_odds_say():
    rows, offsets = np.arange(5000), np.arange(5001, dtype=np.int32) * 4
    chances = np.array([0.02, 0.15, 0.5, 0.9])
    log_odds = np.tile(np.log(chances / (1 - chances)), 5000).astype(np.float32)
    mask = draw_tokens(KEY, rows, offsets, log_odds)
    rates = mask.reshape(-1, 4).mean(axis=0)
    assert np.abs(rates - chances).max() < 0.02
    assert np.array_equal(mask, log_odds + logistic_noise(KEY, rows, 4).ravel() > 0)
