"""The splits of a task: those that its source tells apart, and the others dealt from train."""

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from maskpolicy.errors import InputError, counted
from maskpolicy.randomness import key
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.specs import Shares


class Dealt(Protocol):
    """What examples of either kind have."""

    @property
    def group(self) -> str:
        """What stays in one split, "" where the question decides."""
        ...


AnyExample = TypeVar("AnyExample", bound=Dealt)

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
            dealt = split not in own and len(own) < len(SPLITS) - 1
            why = "; examples that ask the same stay together" if dealt else ""
            raise InputError(
                f"`{split}`: the {split} split would be empty (examples: {counts}){why}"
            )
    return splits


def deal_groups(
    examples: Sequence[AnyExample],
    dev: float,
    test: float,
    split_seed: int,
    *,
    asked: Callable[[AnyExample], str],
    name: Callable[[AnyExample], str],
) -> dict[str, list[AnyExample]]:
    """Deal examples to train, dev and test; those that ask the same stay together.

    What two examples ask is the same where their groups are, or, without one, the normalised text
    that `asked` gives. Groups are ranked by a hash of (split seed, `name`), the first of their
    examples', so the order they come in does not matter; the shares are met up to the examples of
    one group.
    """
    groups = defaultdict(list)
    for example in examples:
        groups[example.group, "" if example.group else normalise_question(asked(example))].append(
            example
        )

    def rank(group: Sequence[AnyExample]) -> int:
        return min(int(key(split_seed, "split", name(example))) for example in group)

    wanted = {"test": round(test * len(examples)), "dev": round(dev * len(examples))}
    splits: dict[str, list[AnyExample]] = {split: [] for split in SPLITS}
    for group in sorted(groups.values(), key=rank):
        split = next((s for s, n in wanted.items() if len(splits[s]) < n), "train")
        splits[split] += group
    return splits


def count_repeats(
    splits: Mapping[str, Sequence[AnyExample]], asked: Callable[[AnyExample], Sequence[str]]
) -> dict[str, Any]:
    """What a manifest says of examples that ask the same; where there are any, stderr says it, too.

    `repeated`: the examples that ask what one before them asks; `shared`: for dev and test, those
    that ask what a split before them asks; `groups`, where examples have any: likewise those whose
    group is in a split before them. What they ask, in one text or more, is compared normalised.
    """
    texts = {
        split: [tuple(map(normalise_question, asked(example))) for example in splits[split]]
        for split in SPLITS
    }
    examples = sum(map(len, texts.values()))
    repeated = examples - len(set().union(*texts.values()))
    if repeated:
        repeat = "repeats" if repeated == 1 else "repeat"
        of = f"{repeated:,} of {counted(examples, 'example')}"
        print(f"{of} {repeat} another one", file=sys.stderr)
    facts = {"repeated": repeated, "shared": _count_shared(texts, "{are} in {earlier}, too")}
    groups = {split: [example.group for example in splits[split]] for split in SPLITS}
    if any(map(any, groups.values())):
        facts["groups"] = _count_shared(groups, "{are} of a group that is in {earlier}, too")
    return facts


def _count_shared(values: Mapping[str, Sequence[Any]], told: str) -> dict[str, int]:
    """For dev and test the examples whose value, if they have one, a split before them has, too.

    Where there are any, stderr says it in the words `told`.
    """
    shared = {}
    for split, before in (("dev", ("train",)), ("test", ("train", "dev"))):
        seen = {value for earlier in before for value in values[earlier] if value}
        n = shared[split] = sum(value in seen for value in values[split])
        if n:
            of = f"{n:,} of {counted(len(values[split]), f'{split} example')}"
            words = told.format(are="is" if n == 1 else "are", earlier=" or ".join(before))
            print(f"{of} {words}", file=sys.stderr)
    return shared


def normalise_question(text: str) -> str:
    """Case-folded with single spaces, without the marks that end a sentence."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .?!。")
