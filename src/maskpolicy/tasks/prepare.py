"""Preparing a task of either kind: three splits, and a manifest that says which kind it is."""

from pathlib import Path

from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask


def prepare_task(
    task: Seq2SeqTask | ClassificationTask, output: Path, knowledge: Path | None = None
) -> None:
    """Write train.arrow, dev.arrow, test.arrow and manifest.json to a folder.

    `knowledge` is the index of what the contexts of the task stand in, if its source names that.
    The manifest holds the task's kind, for a classification whether it is a regression, and counts
    of the examples. Raises InputError naming what can't be read or a split that would be empty.
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
        write_manifest(folder / "manifest.json", files, kind=task.kind, **facts)
