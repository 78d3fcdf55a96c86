"""What later stages need to know of a task that is prepared."""

from pathlib import Path

from pydantic import ConfigDict, Field

from maskpolicy.records import JsonRecord
from maskpolicy.tasks.specs import Split, TaskKind


class Drift(JsonRecord):
    """The number of examples of a split, and the one that was expected."""

    examples: int
    expected: int


class Repeats(JsonRecord):
    """Of each split how many of its examples ask what a split before it asks, too."""

    model_config = ConfigDict(extra="ignore")

    shared: dict[Split, int] = Field(default_factory=dict)


class TaskFacts(JsonRecord):
    """The facts of a task's manifest; its counts are for people."""

    model_config = ConfigDict(extra="ignore")

    kind: TaskKind
    regression: bool = False
    dev_as_test: bool = False
    drift: dict[Split, Drift] = Field(default_factory=dict)  # of splits that have another
    repeats: Repeats = Field(default_factory=Repeats)


def read_task_facts(folder: Path) -> TaskFacts:
    """Read them from a task's folder. Raises ArtefactError, naming the file and key."""
    return TaskFacts.read(folder / "manifest.json")
