"""Layout: what BERT's and RoBERTa's own tokenizers would give, and where tokens went."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.models.layout import EncoderInputs, Segments, SequenceLayout, token_positions

segments = st.lists(st.lists(st.integers(10, 99), max_size=12), min_size=1, max_size=5)


def ragged(rows):
    lengths = [len(row) for row in rows]
    ids = np.array([i for row in rows for i in row], np.uint16)
    return Segments(ids, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def unpadded(inputs):
    return [row[:n].tolist() for row, n in zip(inputs.ids, inputs.lengths, strict=True)]


def truncate_pair(first, second, room):
    """As `_truncate_seq_pair` of BERT's run_classifier.py: one token at a time off the longer."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        (first if len(first) > len(second) else second).pop()
    return first, second


@given(rows=segments, max_length=st.integers(8, 14))
@settings(deadline=None, max_examples=40)
def test_one_segment_stands_between_special_tokens(rows, max_length):
    inputs = SequenceLayout(1, 2, 0, 1, max_length).arrange(ragged(rows))
    assert unpadded(inputs) == [[1, *row[: max_length - 2], 2] for row in rows]
    assert (inputs.ids[np.arange(inputs.ids.shape[1]) >= inputs.lengths[:, None]] == 0).all()
    assert np.array_equal(inputs.second, inputs.lengths)


@given(
    pairs=st.lists(
        st.tuples(
            st.lists(st.integers(10, 99), max_size=12), st.lists(st.integers(10, 99), max_size=12)
        ),
        min_size=1,
        max_size=5,
    ),
    max_length=st.integers(8, 16),
    separators=st.integers(1, 2),
)
@settings(deadline=None, max_examples=60)
def test_pairs_are_cut_where_they_are_longer(pairs, max_length, separators):
    layout = SequenceLayout(1, 2, 0, separators, max_length)
    inputs = layout.arrange(ragged([a for a, _ in pairs]), ragged([b for _, b in pairs]))
    expected = []
    for (a, b), second in zip(pairs, inputs.second, strict=True):
        a, b = truncate_pair(a, b, max_length - 2 - separators)
        assert second == 1 + len(a) + separators
        expected.append([1, *a, *[2] * separators, *b, 2])
    assert unpadded(inputs) == expected


def test_different_numbers_of_segments_are_refused():
    layout = SequenceLayout(1, 2, 0, 1, 16)
    with pytest.raises(ValueError, match="2 first and 1 second"):
        layout.arrange(ragged([[5], [6]]), ragged([[7]]))


@given(rows=segments, data=st.data())
@settings(deadline=None, max_examples=30)
def test_taken_segments_are_those_asked_for(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    taken = ragged(rows).take(np.array(chosen))
    parts = np.split(taken.ids, taken.offsets[1:-1])
    assert [part.tolist() for part in parts] == [rows[i] for i in chosen]


@given(rows=segments, length=st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_long_segments_are_cut_in_pieces(rows, length):
    pieces = ragged(rows).cut(length)
    expected = [row[i : i + length] for row in rows for i in range(0, len(row), length)]
    assert [
        p.tolist() for p in np.split(pieces.ids, pieces.offsets[1:-1])
    ] == expected or not expected
    assert len(pieces) == len(expected)


@given(rows=segments)
@settings(deadline=None, max_examples=30)
def test_every_token_that_is_read_is_found_again(rows):
    texts = ragged(rows)
    inputs = SequenceLayout(1, 2, 0, 1, 9).arrange(texts)
    chosen = np.arange(len(rows))[::-1]
    lines, columns, tokens = token_positions(inputs, texts, chosen)
    assert np.array_equal(inputs.ids[chosen][lines, columns], texts.ids[tokens])
    assert len(tokens) == sum(min(len(row), 7) for row in rows)


def test_batches_are_as_wide_as_their_longest_row():
    inputs = EncoderInputs(
        np.arange(12, dtype=np.int32).reshape(3, 4),
        np.array([2, 4, 3], np.int32),
        np.array([2, 4, 3], np.int32),
    )
    assert inputs.take(np.array([2, 0])).ids.tolist() == [[8, 9, 10], [0, 1, 2]]
