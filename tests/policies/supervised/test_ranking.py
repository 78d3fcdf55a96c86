"""Ranking of spans, against a sort of all of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.policies.supervised.ranking import rank_spans


def every_span(word_start, start_logits, end_logits, longest):
    """(score, start, end) of the spans of a row that may be ranked, best first."""
    n = len(word_start)
    bounds = [i for i in range(n) if i == 0 or word_start[i]] + [n]
    spans = [
        (-float(start_logits[i]) - float(end_logits[j - 1]), i, j)
        for k, i in enumerate(bounds[:-1])
        for j in bounds[k + 1 :]
        if j - i <= longest or j == bounds[k + 1]
    ]
    return sorted(spans)


@given(
    lengths=st.lists(st.integers(0, 14), min_size=1, max_size=6),
    longest=st.integers(1, 6),
    best=st.integers(1, 6),
    levels=st.integers(1, 40),  # few levels give many ties
    seed=st.integers(0, 2**20),
)
@settings(deadline=None, max_examples=80)
def test_the_best_spans_are_those_of_a_sort(lengths, longest, best, levels, seed):
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    word_start = random.random(offsets[-1]) < 0.6
    start, end = random.integers(0, levels, (2, offsets[-1])).astype(np.float32)
    ranked = rank_spans(offsets, word_start, start, end, longest, best)
    for b in range(len(lengths)):
        row = slice(offsets[b], offsets[b + 1])
        expected = every_span(word_start[row], start[row], end[row], longest)[:best]
        count = ranked.count[b]
        assert count == len(expected)
        assert ranked.start[b, :count].tolist() == [i for _, i, _ in expected]
        assert ranked.end[b, :count].tolist() == [j for _, _, j in expected]


def test_a_word_longer_than_the_longest_span_is_a_span():
    word_start = np.array([True, False, False, False, True])
    logits = np.array([0, 0, 0, 9, 1], np.float32)
    ranked = rank_spans(np.array([0, 5]), word_start, logits, logits, longest=2, best=5)
    assert ranked.count.tolist() == [2]
    assert ranked.start[0, :2].tolist() == [0, 4]
    assert ranked.end[0, :2].tolist() == [4, 5]
