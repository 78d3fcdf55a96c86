"""Seq2seq tasks: examples (context, source, target) with every acceptable answer, in splits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.errors import ArtefactError, InputError, counted, listed
from maskpolicy.sources.base import Example, Seq2SeqExamples
from maskpolicy.sources.knowledge import GroundedExamples, Pages
from maskpolicy.tasks.specs import Seq2SeqTask
from maskpolicy.tasks.splits import complete_splits, deal_groups

EXAMPLE_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "context": pa.string(),
        "source": pa.string(),
        "target": pa.string(),
        "answers": pa.list_(pa.string()),
        "choices": pa.list_(pa.string()),
        "cluster": pa.string(),
    }
)
"""`choices` is empty where the answer is free, `cluster` where examples stand for themselves."""


def prepare_seq2seq(
    task: Seq2SeqTask, folder: Path, knowledge: Path | None = None
) -> dict[str, Any]:
    """Write the splits of a task (EXAMPLE_SCHEMA) to a folder that is there.

    `knowledge` is the index of what its contexts stand in, where its source names that. Returns
    what its manifest should say: how many examples each split has, how many of them ask for each
    relation, and the facts of :func:`complete_splits`. Raises ArtefactError naming the file and
    line of the source that can't be read, the id that two examples share or the example whose
    target is none of its choices, and InputError when a split would be empty.
    """
    given = _read(task.examples, knowledge)
    splits, facts = complete_splits(given, task, split_examples, lambda example: (example.source,))
    _check_ids(splits, task.examples.named)
    _check_choices(splits, task.examples.named)
    for split, some in splits.items():
        write_examples(folder / f"{split}.arrow", some)
    return {
        "splits": {
            split: {
                "examples": len(some),
                "relations": dict(sorted(Counter(map(_relation, some)).items())),
            }
            for split, some in splits.items()
        },
        **facts,
    }


def _read(examples: Seq2SeqExamples, knowledge: Path | None) -> dict[str, list[Example]]:
    """The splits that a source tells apart, with contexts where it says in what they stand."""
    if not isinstance(examples, GroundedExamples) or examples.knowledge is None:
        return examples.splits()
    if knowledge is None:
        raise InputError(f"examples.knowledge: the index of {examples.knowledge!r} is not given")
    return examples.splits_with(Pages(knowledge))


def split_examples(
    examples: Sequence[Example], dev: float, test: float, split_seed: int
) -> dict[str, list[Example]]:
    """Deal examples to the splits, each in the order of its ids.

    Those that ask the same stay together; the order they come in does not matter (see
    :func:`deal_groups`).
    """
    dealt = deal_groups(
        examples,
        dev,
        test,
        split_seed,
        asked=lambda example: example.source,
        name=lambda example: example.id,
    )
    return {split: sorted(some, key=lambda example: example.id) for split, some in dealt.items()}


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as Arrow, whole or not at all."""
    columns = {
        name: [getattr(example, name) for example in examples] for name in EXAMPLE_SCHEMA.names
    }
    columns["cluster"] = [example.cluster or example.group for example in examples]
    write_table(path, pa.Table.from_pydict(columns, schema=EXAMPLE_SCHEMA))


def read_examples(path: Path) -> list[Example]:
    """Read the examples of a split. Raises ArtefactError, naming the file, when it is damaged."""
    return [
        Example(**{**row, "answers": tuple(row["answers"]), "choices": tuple(row["choices"])})
        for row in read_table(path).to_pylist()
    ]


def _check_ids(splits: Mapping[str, Sequence[Example]], source: str) -> None:
    counts = Counter(example.id for some in splits.values() for example in some)
    repeated = [name for name, n in counts.items() if n > 1]
    if repeated:
        share = "shares its" if len(repeated) == 1 else "share their"
        raise ArtefactError(
            f"{source}: {counted(len(repeated), 'example')} {share} id with another, as"
            f" {repeated[0]!r}"
        )


def _check_choices(splits: Mapping[str, Sequence[Example]], source: str) -> None:
    for split, examples in splits.items():
        for example in examples:
            if example.choices and example.target not in example.choices:
                raise ArtefactError(
                    f"{source}: {split} example {example.id}: the target {example.target!r} is none"
                    f" of its choices, {listed(map(repr, example.choices), 5)}"
                )


def _relation(example: Example) -> str:
    return example.id.rpartition("/")[2] if "/" in example.id else "any"
