"""Whether a task has the contexts that a network learns from, found out before any pre-training."""

from pathlib import Path

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import write_json
from maskpolicy.errors import InputError


def check_contexts(folder: Path, task: str, network: str, output: Path) -> None:
    """Count the examples with a context in a prepared task's train and dev split, both of which a
    network learns from, and write the counts.

    Raises InputError, naming network and task, where a split has none, and ArtefactError, naming
    the file that can't be read.
    """
    contexts = {}
    for split in ("train", "dev"):
        column = read_table(folder / f"{split}.arrow").column("context").to_pylist()
        contexts[split] = sum(map(bool, column))
        if not contexts[split]:
            raise InputError(
                f"networks.{network}.task: {task!r} has no contexts to learn from in its {split}"
                f" split ({len(column):,} examples)"
            )
    write_json(output, {"network": network, "task": task, "contexts": contexts})
