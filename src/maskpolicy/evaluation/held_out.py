"""Held-out losses as files: what is measured of each arm, and all arms of a table together."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from maskpolicy.arms import NO_POLICY
from maskpolicy.records import JsonRecord
from maskpolicy.text_files import write_rows


class HeldOutLosses(JsonRecord):
    """The losses of the checkpoints of an arm, of one pre-training seed."""

    arm: str
    pretraining_seed: int
    rows: int  # that have a masked token
    tokens: int  # that are predicted; of a target its special ones, too, as in training
    losses: dict[int, float]
    # steps of the stage -> nats per predicted token; of the arm without that phase of step 0 alone


def collect_held_out(measured: Sequence[HeldOutLosses], start: int, output: Path) -> None:
    """Write the losses of a table's arms as CSV, the steps with the `start` general ones before."""
    rows = [
        {
            "arm": of_arm.arm,
            "total_steps": start + step,
            "pretraining_seed": of_arm.pretraining_seed,
            "nats_per_token": loss,
            "tokens": of_arm.tokens,
        }
        for of_arm in measured
        for step, loss in of_arm.losses.items()
    ]
    write_rows(output, list(rows[0]), rows)


def mean_losses(measured: Sequence[HeldOutLosses]) -> dict[str, dict[int, float]]:
    """Arm -> steps of its stage -> mean over pre-training seeds; each begins where the arm without
    that phase is, if that was measured.
    """
    of_arms: dict[str, dict[int, list[float]]] = {}
    for one in measured:
        by_step = of_arms.setdefault(one.arm, {})
        for step, loss in one.losses.items():
            by_step.setdefault(step, []).append(loss)
    before = of_arms.get(NO_POLICY, {})
    return {
        arm: {step: fmean(some) for step, some in sorted((before | by_step).items())}
        for arm, by_step in of_arms.items()
    }
