"""Preparing a task of either kind: three splits, and a manifest that says which kind it is."""

import sys
from collections.abc import Mapping
from pathlib import Path

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import counted
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.facts import Drift
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask


def prepare_task(
    task: Seq2SeqTask | ClassificationTask, output: Path, knowledge: Path | None = None
) -> None:
    """Write train.arrow, dev.arrow, test.arrow and manifest.json to a folder.

    `knowledge` is the index of what the contexts of the task stand in, if its source names that.
    The manifest holds the task's kind, for a classification whether it is a regression, counts of
    the examples, and their drift from those `expected`, where some are. Raises InputError naming
    what can't be read or a split that would be empty.
    """
    with atomic_directory(output) as folder:
        match task:
            case Seq2SeqTask():
                from maskpolicy.tasks.seq2seq import prepare_seq2seq

                facts = prepare_seq2seq(task, folder, knowledge)
            case ClassificationTask():
                from maskpolicy.tasks.classification import prepare_classification

                facts = prepare_classification(task, folder)
        files = [folder / f"{split}.arrow" for split in SPLITS]
        if task.expected:
            facts["drift"] = _drift(task, {file.stem: len(read_table(file)) for file in files})
        write_manifest(folder / "manifest.json", files, kind=task.kind, **facts)


def _drift(
    task: Seq2SeqTask | ClassificationTask, found: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """The splits that have not as many examples as expected; stderr says it, too: releases change,
    and a part of one is enough to try something.
    """
    drift: dict[str, dict[str, int]] = {}
    for split, expected in task.expected.items():
        if found[split] != expected:
            drift[split] = Drift(examples=found[split], expected=expected).model_dump()
            has = counted(found[split], f"{split} example")
            print(f"drift: {task.examples.named}: {has}, not {expected:,}", file=sys.stderr)
    return drift
