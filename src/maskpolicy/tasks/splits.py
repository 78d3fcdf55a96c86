"""The splits of a task: those that its source tells apart, and the others dealt from train."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from maskpolicy.errors import InputError, counted
from maskpolicy.randomness import key
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.specs import Dealing


class Dealt(Protocol):
    """What examples of either kind have."""

    @property
    def group(self) -> str:
        """What stays in one split, "" where the question decides."""
        ...


AnyExample = TypeVar("AnyExample", bound=Dealt)

Deal = Callable[[Sequence[AnyExample], float, float, int], dict[str, list[AnyExample]]]
"""(examples, dev, test, split seed) -> the three splits; dev and test are shares or numbers."""

Asked = Callable[[AnyExample], Sequence[str]]
"""What an example asks, in one text or more; compared normalised."""


def complete_splits(
    given: Mapping[str, list[AnyExample]],
    dealing: Dealing,
    deal: Deal[AnyExample],
    asked: Asked[AnyExample],
) -> tuple[dict[str, list[AnyExample]], dict[str, Any]]:
    """All three splits, in the order of SPLITS, and what a manifest should say of them.

    Splits that the source tells apart keep its order. The facts: `repeats`, see
    :func:`count_repeats`; with `dev_as_test` that too; and with `drop_shared` how many were
    `dropped`. Raises InputError when a split would be empty, unless it is a test split that isn't
    wanted, and when the source has not the splits that `dealing` is about.
    """
    own = {split: examples for split, examples in given.items() if split != "train"}
    facts: dict[str, Any] = {}
    if dealing.dev_as_test:
        if set(own) != {"dev"}:
            has = f"has {' and '.join(own)}" if own else "has neither"
            raise InputError(
                f"`dev_as_test`: a source with a dev and without a test split is needed; this {has}"
            )
        own = {"test": own["dev"]}
        facts["dev_as_test"] = True
    if not dealing.test and "test" in own:
        raise InputError("`test: 0`: the source has a test split of its own")
    dev, test = (0 if split in own else getattr(dealing, split) for split in ("dev", "test"))
    if not dev and not test:
        splits = {"train": given["train"]}
    elif dealing.deal == "in-order":
        splits = deal_in_order(given["train"], dev, test)
    else:
        splits = deal(given["train"], dev, test, dealing.split_seed)
    splits = {split: (splits | own).get(split, []) for split in SPLITS}
    if dealing.drop_shared:
        splits, facts["dropped"] = _without_shared(splits, asked)
    _check_filled(splits, own, dealing)
    return splits, facts | {"repeats": count_repeats(splits, asked)}


def deal_in_order(
    examples: Sequence[AnyExample], dev: float, test: float
) -> dict[str, list[AnyExample]]:
    """The first examples are train, those after them dev, and the last test."""
    total = len(examples)
    first_of_test = max(0, total - _number(test, total))
    first_of_dev = max(0, first_of_test - _number(dev, total))
    return {
        "train": list(examples[:first_of_dev]),
        "dev": list(examples[first_of_dev:first_of_test]),
        "test": list(examples[first_of_test:]),
    }


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
    examples', so the order they come in does not matter; the shares or numbers are met up to the
    examples of one group.
    """
    groups = defaultdict(list)
    for example in examples:
        groups[example.group, "" if example.group else normalise_question(asked(example))].append(
            example
        )

    def rank(group: Sequence[AnyExample]) -> int:
        return min(int(key(split_seed, "split", name(example))) for example in group)

    wanted = {"test": _number(test, len(examples)), "dev": _number(dev, len(examples))}
    splits: dict[str, list[AnyExample]] = {split: [] for split in SPLITS}
    for group in sorted(groups.values(), key=rank):
        split = next((s for s, n in wanted.items() if len(splits[s]) < n), "train")
        splits[split] += group
    return splits


def count_repeats(
    splits: Mapping[str, Sequence[AnyExample]], asked: Asked[AnyExample]
) -> dict[str, Any]:
    """What a manifest says of examples that ask the same.

    `repeated`: the examples that ask what one before them asks; `shared`: for dev and test, those
    that ask what a split before them asks; `groups`, where examples have any: likewise those whose
    group is in a split before them.
    """
    texts = {split: [_compared(asked, example) for example in splits[split]] for split in SPLITS}
    examples = sum(map(len, texts.values()))
    repeated = examples - len(set().union(*texts.values()))
    facts = {"repeated": repeated, "shared": _count_shared(texts)}
    groups = {split: [example.group for example in splits[split]] for split in SPLITS}
    if any(map(any, groups.values())):
        facts["groups"] = _count_shared(groups)
    return facts


def sentences(facts: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    """What people should know of the facts of :func:`complete_splits`, of splits with so many
    examples.
    """
    if dropped := facts.get("dropped", 0):
        of = f"{dropped:,} of {counted(counts['train'] + dropped, 'train example')}"
        yield f"{of} dropped, for dev or test have them, too"
    repeats = facts["repeats"]
    if repeated := repeats["repeated"]:
        of = f"{repeated:,} of {counted(sum(counts.values()), 'example')}"
        yield f"{of} {'repeats' if repeated == 1 else 'repeat'} another one"
    for kind, what in (("shared", ""), ("groups", "of a group that is ")):
        for split, n in repeats.get(kind, {}).items():
            if n:
                of = f"{n:,} of {counted(counts[split], f'{split} example')}"
                where = " or ".join(_BEFORE[split])
                yield f"{of} {'is' if n == 1 else 'are'} {what}in {where}, too"


def _without_shared(
    splits: Mapping[str, list[AnyExample]], asked: Asked[AnyExample]
) -> tuple[dict[str, list[AnyExample]], int]:
    """The splits without what train shares with others, a question or a group, and how many."""
    held_out = [*splits["dev"], *splits["test"]]
    questions = {_compared(asked, example) for example in held_out}
    groups = {example.group for example in held_out if example.group}
    train = [
        example
        for example in splits["train"]
        if _compared(asked, example) not in questions and example.group not in groups
    ]
    return {**splits, "train": train}, len(splits["train"]) - len(train)


def _check_filled(
    splits: Mapping[str, Sequence[Any]], own: Mapping[str, Any], dealing: Dealing
) -> None:
    counts = ", ".join(f"{len(splits[split])} {split}" for split in SPLITS)
    if not splits["train"]:
        key = "`drop_shared`" if dealing.drop_shared else "`dev` and `test`"
        raise InputError(f"{key}: the train split would be empty (examples: {counts})")
    for split in ("dev", "test"):
        if not splits[split] and (split != "test" or dealing.test):
            hashed = split not in own and len(own) < 2 and dealing.deal == "hashed"
            why = "; examples that ask the same stay together" if hashed else ""
            raise InputError(
                f"`{split}`: the {split} split would be empty (examples: {counts}){why}"
            )


def _number(wanted: float, total: int) -> int:
    """How many of so many examples a share is, or the number that is wanted."""
    return wanted if isinstance(wanted, int) else round(wanted * total)


def _compared(asked: Asked[AnyExample], example: AnyExample) -> tuple[str, ...]:
    return tuple(map(normalise_question, asked(example)))


_BEFORE = {"dev": ("train",), "test": ("train", "dev")}
"""The splits that nothing of another one should be in."""


def _count_shared(values: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """For dev and test the examples whose value, if they have one, a split before them has, too."""
    shared = {}
    for split, before in _BEFORE.items():
        seen = {value for earlier in before for value in values[earlier] if value}
        shared[split] = sum(value in seen for value in values[split])
    return shared


def normalise_question(text: str) -> str:
    """Case-folded with single spaces, without the marks that end a sentence."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .?!。")
