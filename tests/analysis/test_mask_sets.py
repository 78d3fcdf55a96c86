"""Masks of the analysis: exact sizes and distances, uniform, and functions of (seed, row)."""

from itertools import combinations

import numpy as np
import pytest

from maskpolicy.analysis.mask_sets import MiniBatch, choose_rows, draw_masks
from maskpolicy.corruption.rendering import load_tokens
from maskpolicy.errors import InputError


def sequences(number, length):
    return MiniBatch(np.arange(number) * 7, np.full((number, length), 9))


def sets_of(masks):
    return (masks.reference, masks.pairs, masks.independent, masks.fully_explored)


def test_every_mask_has_tau_tokens(spec):
    analysis = spec(length=31, masked=5, masks=(2, 3, 6), distances=5, pairs=3)
    masks = draw_masks(sequences(4, 31), analysis, 0)
    assert all((each.sum(axis=-1) == 5).all() for each in sets_of(masks))
    assert [each.shape for each in sets_of(masks)] == [
        (4, 4, 31),
        (4, 3, 5, 31),
        (4, 2, 6, 31),
        (4, 4, 6, 31),
    ]
    assert masks.number == 4 * (4 + 3 * 5 + 3 * 2 * 6)


def test_fully_explored_masks_are_twice_tau_apart(spec):
    masks = draw_masks(sequences(6, 24), spec(length=24, masked=3, masks=(8,)), 1).fully_explored
    for group in masks.reshape(-1, 8, 24):
        assert all(np.count_nonzero(one != other) == 6 for one, other in combinations(group, 2))


def test_pairs_have_the_distances_asked_for(spec):
    analysis = spec(length=20, masked=8, distances=6, masks=(2,))
    pairs = draw_masks(sequences(5, 20), analysis, 2).pairs
    distances = (pairs != pairs[:, :, :1]).sum(axis=-1)
    assert (distances == 2 * np.array(analysis.exchanged)).all()


def test_the_other_mask_of_a_pair_is_uniform(spec):
    analysis = spec(length=5, masked=2, masks=(2,), pairs=1, distances=3)
    pairs = draw_masks(sequences(4000, 5), analysis, 0).pairs
    for masks in pairs[:, 0].swapaxes(0, 1):
        _, counts = np.unique(masks @ (1 << np.arange(5)), return_counts=True)
        assert len(counts) == 10
        assert counts == pytest.approx(np.full(10, 400), abs=4 * np.sqrt(400))


def test_masks_are_a_function_of_seed_and_row(spec):
    few, many = sequences(2, 12), sequences(5, 12)
    analysis = spec(length=12, masked=3)
    masks = draw_masks(many, analysis, 3)
    for all_rows, two_rows in zip(
        sets_of(masks), sets_of(draw_masks(few, analysis, 3)), strict=True
    ):
        assert (all_rows[:2] == two_rows).all()
    assert (draw_masks(many, analysis, 4).reference != masks.reference).any()


def test_rows_do_not_depend_on_shards(review_shards):
    one, three = (choose_rows(load_tokens(shards), 8, 5, 0) for shards in review_shards.values())
    assert (one.rows == three.rows).all() and (one.input_ids == three.input_ids).all()
    assert one.input_ids.shape == (5, 8)
    other = choose_rows(load_tokens(review_shards[1]), 8, 5, 1)
    assert other.rows.tolist() != one.rows.tolist()


def test_rows_are_cut_to_their_first_tokens(review_shards):
    tokens = load_tokens(review_shards[1])
    chosen = choose_rows(tokens, 8, 5, 0)
    for row, ids in zip(chosen.rows, chosen.input_ids, strict=True):
        first = tokens.offsets[np.flatnonzero(tokens.rows == row)[0]]
        assert (tokens.input_ids[first : first + 8] == ids).all()


def test_too_few_long_rows_are_an_error(review_shards):
    with pytest.raises(
        InputError, match="rows: 99 rows of 8 tokens are wanted, but the corpus has"
    ):
        choose_rows(load_tokens(review_shards[1]), 8, 99, 0)
