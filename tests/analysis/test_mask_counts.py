"""Masks counted by hand, whatever the shards; what policies share, also by chance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.heuristic_cases import random_batch

from maskpolicy.analysis.mask_counts import (
    OUTSIDE,
    count_masks,
    count_shared,
    entities_of_tokens,
    jaccard,
)
from maskpolicy.analysis.specs import MaskAnalysis
from maskpolicy.corpora.shards import ENTITY_LABELS, PARTS_OF_SPEECH, TokenBatch
from maskpolicy.decisions.files import decision_file
from maskpolicy.errors import ArtefactError
from maskpolicy.policies.masking import ShardMasks, match_shard

ALL = MaskAnalysis()
GPE, DATE, PERSON = (ENTITY_LABELS.index(label) for label in ("GPE", "DATE", "PERSON"))


@pytest.fixture
def batch():
    """Two rows: "Kenya is in Africa" and "since 1963 ."."""
    return TokenBatch.from_lists(
        [[5, 1, 2, 6], [3, 7, 0]],
        entities=[[(0, 1, "GPE"), (3, 4, "GPE")], [(1, 2, "DATE")]],
        part_of_speech=[["PROPN", "AUX", "ADP", "PROPN"], ["ADP", "NUM", "PUNCT"]],
    )


@pytest.fixture
def masks(store, batch):
    """Two epochs of two arms; the second one masks no token in the second epoch."""
    first = [[1, 0, 0, 1, 0, 1, 0], [1, 1, 0, 0, 0, 1, 0]]
    second = [[1, 0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]]
    return store([[batch]], {"first": first, "second": second})


def by_name(names, counts):
    return {name: count for name, count in zip(names, counts.tolist(), strict=True) if count}


def test_tokens_are_counted_by_kind_in_every_epoch(masks):
    counts = count_masks(masks, ALL, 8, "hand-made")
    assert (counts.rows, counts.all_rows) == (2, 2)
    assert list(counts.arms) == ["first", "second"]
    corpus, first, second = counts.corpus, counts.arms["first"], counts.arms["second"]
    assert corpus.types.tolist() == [1, 1, 1, 1, 0, 1, 1, 1]
    assert first.types.tolist() == [0, 1, 0, 0, 0, 2, 1, 2]
    assert second.types.tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    spoken = [by_name(PARTS_OF_SPEECH, each.parts_of_speech) for each in (corpus, first, second)]
    assert spoken == [
        {"PROPN": 2, "ADP": 2, "AUX": 1, "NUM": 1, "PUNCT": 1},
        {"PROPN": 3, "NUM": 2, "AUX": 1},
        {"PROPN": 1, "ADP": 1, "NUM": 1, "PUNCT": 1},
    ]
    named = [
        by_name([*ENTITY_LABELS, "outside"], each.entities) for each in (corpus, first, second)
    ]
    assert named == [
        {"GPE": 2, "DATE": 1, "outside": 4},
        {"GPE": 3, "DATE": 2, "outside": 1},
        {"GPE": 1, "DATE": 1, "outside": 2},
    ]


def test_tokens_are_shared_in_the_same_epoch_only(masks):
    counts = count_masks(masks, ALL, 8, "hand-made")
    # The first epoch shares tokens 0 and 5; both mask token 0 in different epochs too.
    assert counts.shared.tolist() == [[6, 2], [2, 4]]
    assert jaccard(counts.shared)[0, 1] == 2 / (6 + 4 - 2)
    assert np.diag(counts.shared_by_chance).tolist() == [6, 4], "a control has the same budget"


def test_an_arm_that_masks_nothing_shares_nothing():
    assert jaccard(np.array([[0, 0], [0, 3]])).tolist() == [[0, 0], [0, 1]]


@given(
    st.integers(1, 70).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=4)
    )
)
def test_shared_tokens_are_those_of_sets(masks):
    sets = [set(np.flatnonzero(mask)) for mask in masks]
    expected = [[len(one & other) for other in sets] for one in sets]
    shared = count_shared(np.array(masks))
    assert shared.tolist() == expected
    for i, one in enumerate(sets):
        for j, other in enumerate(sets):
            if one | other:
                assert jaccard(shared)[i, j] == len(one & other) / len(one | other)


def test_chance_is_the_overlap_of_the_stored_controls(store):
    """The controls that `match_shard` writes are drawn again here, not read."""
    batch = random_batch([30] * 20, seed=3)
    random = np.random.default_rng(0)
    drawn = {arm: random.random((2, 600)) < rate for arm, rate in (("some", 0.2), ("more", 0.4))}
    masks = store([[batch]], drawn)
    counts = count_masks(masks, ALL, 8, "random")
    (shard,) = masks.shards
    for folder in masks.arms:
        control = folder.with_name(f"{folder.name}@control")
        path = control / "shard-0.json"
        moved = ShardMasks(shard, masks.corpus, control.name, 0, range(2), path)
        match_shard(
            moved,
            masks.policies[folder.name],
            [decision_file(folder, epoch, shard) for epoch in range(2)],
        )
    controls = [folder.with_name(f"{folder.name}@control") for folder in masks.arms]
    policies = {folder.name: masks.policies["some"] for folder in controls}
    stored = replace(masks, arms=controls, policies=policies)
    of_controls = count_masks(stored, ALL, 8, "random").shared
    assert (of_controls == counts.shared_by_chance).all()
    assert (of_controls != counts.shared).any()


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_rows_are_drawn_whatever_the_shards(store, share):
    corpus = random_batch([20] * 150, vocabulary=40)
    batches = [
        TokenBatch(corpus.tokens.slice(first, 50), corpus.annotations.slice(first, 50))
        for first in (0, 50, 100)
    ]
    mask = {"random": [np.random.default_rng(1).random(3000) < 0.2]}
    spec = MaskAnalysis(share=share, rows=1)
    whole, cut = (
        count_masks(store(shards, mask), spec, 40, "cut")
        for shards in ([batches], [batches[:1], batches[1:]])
    )
    assert whole.rows == cut.rows
    assert whole.rows == 150 if share == 1 else 25 < whole.rows < 65
    assert whole.corpus.types.sum() == 20 * whole.rows
    for one, other in ((whole.corpus, cut.corpus), (whole.arms["random"], cut.arms["random"])):
        for kind in ("types", "parts_of_speech", "entities"):
            assert (getattr(one, kind) == getattr(other, kind)).all()


@pytest.mark.parametrize(
    ("rows", "share"), [(0, 1.0), (500, 1.0), (20_000, 1.0), (40_000, 0.5), (20_000_000, 0.01)]
)
def test_small_corpora_are_read_whole(rows, share):
    assert MaskAnalysis().share_of(rows) == share


def test_a_token_of_two_entities_is_in_the_first(batch):
    assert entities_of_tokens(batch).tolist() == [
        GPE,
        OUTSIDE,
        OUTSIDE,
        GPE,
        OUTSIDE,
        DATE,
        OUTSIDE,
    ]
    both = TokenBatch.from_lists(
        [[1], [1, 2, 3, 4]], entities=[[], [(0, 2, "PERSON"), (1, 3, "DATE")]]
    )
    assert entities_of_tokens(both).tolist() == [OUTSIDE, PERSON, PERSON, DATE, OUTSIDE]
    assert (
        entities_of_tokens(TokenBatch.from_lists([[1, 2]], entities=[[]])).tolist() == [OUTSIDE] * 2
    )


def test_files_that_are_missing_or_of_another_corpus_are_named(masks, batch, store):
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow has token 7, but its tokenizer has 7"):
        count_masks(masks, ALL, 7, "hand-made")
    decision_file(masks.arms[1], 1, masks.shards[0]).unlink()
    with pytest.raises(ArtefactError, match=r"second/epoch-1/shard-0\.arrow is missing"):
        count_masks(masks, ALL, 8, "hand-made")
    other = store([[batch, batch]], {"other": [[1] * 14]})
    mixed = replace(masks, shards=other.shards, annotations=other.annotations)
    with pytest.raises(ArtefactError, match=r"first/epoch-0/shard-0\.arrow does not belong to"):
        count_masks(mixed, ALL, 8, "hand-made")
    (masks.annotations / "shard-0.arrow").unlink()
    with pytest.raises(ArtefactError, match=r"annotations/shard-0\.arrow is missing"):
        count_masks(masks, ALL, 8, "hand-made")
