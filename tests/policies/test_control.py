"""The control's places."""

import numpy as np
from scipy.stats import chisquare
from support.heuristic_cases import uniform_batch

from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.control import redraw


def test_every_placement_of_separate_spans_is_equally_likely():
    """Of rows of 7 whose tokens 0 and 1 are masked together, and 3."""
    batch = uniform_batch(6000, 7)
    matched = Decisions(np.tile([True, True, False, True, False, False, False], len(batch)))
    mask = redraw(batch, matched, Address(0, "fixed@control", 0)).mask.reshape(-1, 7)
    _, counts = np.unique(mask @ (1 << np.arange(7)), return_counts=True)
    # A span of 2, one of 1 and 4 tokens around them: 2 orders of C(5, 2) places.
    assert len(counts) == 20
    assert chisquare(counts).pvalue > 0.01


def test_spans_without_room_to_be_apart_stay_separate():
    """4 tokens of 5 are masked as spans of 2, 1 and 1, with an insertion before the last token."""
    batch = uniform_batch(100, 5)
    mask = np.tile([True, True, True, True, False], len(batch))
    matched = Decisions(mask, np.tile([False, False, True, True, True], len(batch)))
    decisions = redraw(batch, matched, Address(0, "touching@control", 0))
    mask, insertions = decisions.mask.reshape(-1, 5), decisions.insertions.reshape(-1, 5)
    assert (mask.sum(axis=1) == 4).all()
    begins = mask & ~np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    separated = insertions & mask & ~begins
    assert ((begins | separated).sum(axis=1) == 3).all()
    assert ((insertions & ~separated).sum(axis=1) == 1).all()
