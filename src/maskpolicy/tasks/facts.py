"""What later stages need to know of a task that is prepared."""

from pathlib import Path

from pydantic import ConfigDict

from maskpolicy.records import JsonRecord
from maskpolicy.tasks.specs import TaskKind


class TaskFacts(JsonRecord):
    """The facts of a task's manifest; its counts are for people."""

    model_config = ConfigDict(extra="ignore")

    kind: TaskKind
    regression: bool = False
    dev_as_test: bool = False


def read_task_facts(folder: Path) -> TaskFacts:
    """Read them from a task's folder. Raises ArtefactError, naming the file and key."""
    return TaskFacts.read(folder / "manifest.json")
