"""Classification tasks: labelled texts and pairs of texts, in splits that share no text."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.errors import InputError, listed
from maskpolicy.evaluation.normalisation import normalise_label
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.specs import ClassificationTask
from maskpolicy.tasks.splits import complete_splits, deal_groups

CLASSIFICATION_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "pair": pa.string(),
        "label": pa.string(),
        "cluster": pa.string(),
    }
)
"""`pair` is null where there is one text only; the label of a regression is a number in digits;
`cluster` is empty where examples stand for themselves."""

MANY_LABELS = 20
"""More different numbers than that are likely to be those of a regression."""


def prepare_classification(task: ClassificationTask, folder: Path) -> dict[str, Any]:
    """Write the splits of a task (CLASSIFICATION_SCHEMA) to a folder that is there.

    Returns what its manifest should say: whether it is a regression, the examples of each label, or
    in a regression of each split, and the facts of :func:`complete_splits`. Raises ArtefactError
    naming the file and line that can't be read, and InputError when a split would be empty, train
    lacks a label of dev or test, or a label of a regression is no number.
    """
    splits, facts = complete_splits(task.examples.splits(), task, split_by_text, _texts)
    if task.regression:
        _check_numbers(splits, task.examples.named)
    else:
        check_labels(splits)
    for split, some in splits.items():
        write_classification_examples(folder / f"{split}.arrow", some)
    counts = {
        split: len(some) if task.regression else _label_counts(some)
        for split, some in splits.items()
    }
    return {"regression": task.regression, "splits": counts, **facts}


def split_by_text(
    examples: Sequence[ClassificationExample], dev: float, test: float, split_seed: int
) -> dict[str, list[ClassificationExample]]:
    """Deal examples to the splits; examples of the same text stay together.

    For a pair the text is the second. See :func:`deal_groups`.
    """
    return deal_groups(examples, dev, test, split_seed, asked=walked_text, name=walked_text)


def walked_text(example: ClassificationExample) -> str:
    """The text that an example is about: of an aspect and a text, the text."""
    return example.text if example.pair is None else example.pair


def check_labels(splits: Mapping[str, Sequence[ClassificationExample]]) -> tuple[str, ...]:
    """The labels of a task, sorted; they are those of its train split.

    Raises InputError, with the counts of every split, when train has fewer than two labels or
    another split has a label that train lacks, and when the labels are the numbers of a regression;
    and, with both, when two labels differ only in how they are written.
    """
    known = sorted({example.label for example in splits["train"]})
    seen = {example.label for some in splits.values() for example in some}
    _check_spellings(seen)
    lacking = sorted(seen - set(known))
    problem, advice = "", ""
    if len(seen) > MANY_LABELS and all(map(_is_number, seen)):
        advice = "; did you mean `regression: true`?"
        if not all(float(label).is_integer() for label in seen):  # which no numbers of classes are
            problem = f"{len(known)} labels, all of them numbers"
    if lacking:
        problem = f"no example of {listed(lacking, 5)}"
    elif len(known) < 2:
        problem = "fewer than two labels"
    if problem:
        counts = "; ".join(
            f"{split}: {listed((f'{n} {label}' for label, n in _label_counts(some).items()), 5)}"
            for split, some in splits.items()
        )
        raise InputError(f"the train split has {problem} ({counts}){advice}")
    return tuple(known)


def write_classification_examples(path: Path, examples: Sequence[ClassificationExample]) -> None:
    """Write examples as Arrow, whole or not at all."""
    columns = {
        name: [getattr(example, name) for example in examples]
        for name in CLASSIFICATION_SCHEMA.names
    }
    columns["cluster"] = [example.cluster or example.group for example in examples]
    write_table(path, pa.Table.from_pydict(columns, schema=CLASSIFICATION_SCHEMA))


def read_classification_examples(path: Path) -> list[ClassificationExample]:
    """Read the examples of a split. Raises ArtefactError, naming the file, when it is damaged."""
    return [ClassificationExample(**row) for row in read_table(path).to_pylist()]


def _texts(example: ClassificationExample) -> tuple[str, str]:
    return example.text, example.pair or ""


def _check_spellings(labels: Iterable[str]) -> None:
    """Metrics would take some of them for one, and a model for two."""
    written: dict[Decimal | str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        written[_meaning(label)].append(repr(label))
    if several := [" and ".join(some) for some in written.values() if len(some) > 1]:
        raise InputError(
            f"labels that differ only in how they are written: {listed(several, 5)}; write each in"
            " one way"
        )


def _meaning(label: str) -> Decimal | str:
    """What is the same for labels that mean the same: of a number its value."""
    try:
        if (number := Decimal(label)).is_finite():
            return number
    except InvalidOperation:
        pass
    return unicodedata.normalize("NFC", normalise_label(label))


def _check_numbers(splits: Mapping[str, Sequence[ClassificationExample]], source: str) -> None:
    for split, examples in splits.items():
        for example in examples:
            if not _is_number(example.label):
                raise InputError(
                    f"{source}: {split} example {example.id}: {example.label!r} is no number, as"
                    " the labels of a regression are"
                )


def _is_number(label: str) -> bool:
    try:
        return isfinite(float(label))
    except ValueError:
        return False


def _label_counts(examples: Sequence[ClassificationExample]) -> dict[str, int]:
    return dict(sorted(Counter(example.label for example in examples).items()))
