"""Preparing a task of either kind: three splits, and a manifest that says which kind it is."""

import sys
from collections.abc import Mapping
from pathlib import Path

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import counted
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.facts import Drift
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask, Split
from maskpolicy.tasks.splits import sentences


def prepare_task(
    task: Seq2SeqTask | ClassificationTask, output: Path, knowledge: Path | None = None
) -> None:
    """Write train.arrow, dev.arrow, test.arrow and manifest.json to a folder.

    `knowledge` is the index of what the contexts of the task stand in, if its source names that.
    The manifest holds the task's kind, for a classification whether it is a regression, counts of
    the examples, what splits share, and their drift from the counts `expected`, where some are;
    under the task's name, that of the folder, stderr says what people should know of it. Memory
    holds the examples of all splits, some four times the bytes of their files, and of the knowledge
    a page. Raises InputError naming what can't be read or a split that would be empty.
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
        counts = {file.stem: len(read_table(file)) for file in files}
        told = list(sentences(facts, counts))
        if task.expected:
            drift = _drift(task, counts)
            facts["drift"] = {split: drifted.model_dump() for split, drifted in drift.items()}
            told += [
                f"drift: {task.examples.named}: {counted(drifted.examples, f'{split} example')},"
                f" not {drifted.expected:,}"
                for split, drifted in drift.items()
            ]
        write_manifest(folder / "manifest.json", files, kind=task.kind, **facts)
    for sentence in told:
        print(f"{output.name}: {sentence}", file=sys.stderr)


def _drift(task: Seq2SeqTask | ClassificationTask, counts: Mapping[str, int]) -> dict[Split, Drift]:
    """The splits that have not as many examples as expected: releases change, and a part of one is
    enough to try something.
    """
    return {
        split: Drift(examples=counts[split], expected=expected)
        for split, expected in task.expected.items()
        if counts[split] != expected
    }
