"""A mixture draws a policy a row."""

import numpy as np
import pytest
from support.heuristic_cases import SPECS, per_row, random_batch, uniform_batch

from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.mixture import Mixture
from maskpolicy.policies.registry import build_policy


class Whole:
    """Masks everything."""

    def decide(self, batch, address):
        return Decisions(np.ones(len(batch.input_ids), np.bool_))


class Nothing:
    """Masks nothing, and inserts before every token."""

    def decide(self, batch, address):
        return Decisions(
            np.zeros(len(batch.input_ids), np.bool_), np.ones(len(batch.input_ids), np.bool_)
        )


def test_rows_are_drawn_by_weight():
    batch = uniform_batch(4000, 3)
    policy = Mixture([Whole(), Nothing()], [3, 1], inserts=True)
    decisions = policy.decide(batch, Address(0, "corpus", "mixture", 0))
    mask = decisions.mask.reshape(-1, 3)
    assert np.array_equal(mask.any(axis=1), mask.all(axis=1))
    assert mask[:, 0].mean() == pytest.approx(0.75, abs=0.03)
    assert np.array_equal(decisions.insertions, ~decisions.mask)
    later = policy.decide(batch, Address(0, "corpus", "mixture", 1)).mask.reshape(-1, 3)
    assert (later != mask).any(axis=1).mean() == pytest.approx(2 * 0.75 * 0.25, abs=0.03)


def test_each_row_is_decided_as_by_its_policy_alone(statistics):
    batch = random_batch([30] * 60, seed=4)
    mixture = build_policy(SPECS["mixture"], statistics)
    decided = per_row(batch, mixture.decide(batch, Address(0, "corpus", "mixture", 2)).mask)
    alone = [
        per_row(batch, policy.decide(batch, Address(0, "corpus", f"mixture/{index}", 2)).mask)
        for index, policy in enumerate(mixture.policies)
    ]
    used = set()
    for row, mask in enumerate(decided):
        fits = {i for i, masks in enumerate(alone) if np.array_equal(masks[row], mask)}
        assert fits
        used |= fits if len(fits) == 1 else set()
    assert used == {0, 1, 2}
