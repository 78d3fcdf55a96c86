"""The splits of a task: those that its source tells apart, and the others dealt from train."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from maskpolicy.errors import InputError
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.specs import Shares

AnyExample = TypeVar("AnyExample")

Deal = Callable[[Sequence[AnyExample], float, float, int], dict[str, list[AnyExample]]]
"""(examples, share of dev, share of test, split seed) -> the three splits."""


def complete_splits(
    given: Mapping[str, list[AnyExample]], shares: Shares, deal: Deal[AnyExample]
) -> dict[str, list[AnyExample]]:
    """All three splits, in the order of SPLITS. Raises InputError when one would be empty."""
    own = {split: examples for split, examples in given.items() if split != "train"}
    dev, test = (0.0 if split in own else getattr(shares, split) for split in ("dev", "test"))
    splits = deal(given["train"], dev, test, shares.split_seed) | own
    counts = ", ".join(f"{len(splits[split])} {split}" for split in SPLITS)
    for split in SPLITS:
        if not splits[split]:
            raise InputError(f"`{split}`: the {split} split would be empty (examples: {counts})")
    return splits
