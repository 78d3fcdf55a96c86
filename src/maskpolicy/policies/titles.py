"""Policies that leave titles alone: they decide for the rows without their titles."""

import numpy as np

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.policies.base import Policy, PolicySpec, check_decisions


class WithoutTitles:
    """A policy whose record says that titles are not masked.

    It does not see them either, so that shares and numbers of units are those of the text, and a
    network reads the text alone.
    """

    def __init__(self, spec: PolicySpec, policy: Policy) -> None:
        """`policy`: what the record describes, titles aside."""
        self.spec = spec
        self.policy = policy

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Decide for the text of each row. Raises InputError as :func:`check_decisions`."""
        decisions = self.policy.decide(batch.text, address)
        check_decisions(self.spec, decisions, batch.text)
        return beside_titles(batch, decisions)


def beside_titles(batch: TokenBatch, decisions: Decisions) -> Decisions:
    """Decisions for `batch` from those for `batch.text`: none in titles."""

    def whole(column: np.ndarray) -> np.ndarray:
        flags = np.zeros(len(batch.input_ids), np.bool_)
        flags[batch.in_text] = column
        return flags

    insertions = decisions.insertions
    return Decisions(whole(decisions.mask), None if insertions is None else whole(insertions))


def of_text(batch: TokenBatch, decisions: Decisions) -> Decisions:
    """Decisions for `batch.text` from those for `batch`."""
    mask, insertions = decisions.mask, decisions.insertions
    return Decisions(mask[batch.in_text], None if insertions is None else insertions[batch.in_text])
