"""Arms: what a table compares. An arm is a policy, the control of one, or none."""

CONTROL = "@control"
"""Suffix of a policy's name that asks for its matched-budget random control."""

NO_POLICY = "none"
"""The arm without intermediate pre-training."""


def policy_of(arm: str) -> str:
    """The name of an arm's policy: of a control, that of the policy it is the control of."""
    return arm.removesuffix(CONTROL)
