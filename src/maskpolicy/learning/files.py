"""What the training of any learned policy reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from maskpolicy.pretrained import files_of

SPLITS_READ = ("train", "dev")
"""All of a task that is ever read: train teaches, dev chooses."""


@dataclass(frozen=True)
class PolicyFiles:
    """The folders of a task, of a checkpoint, of its tokenizer, of the unfinished training, and of
    the network that comes of it.
    """

    task: Path
    checkpoint: Path
    tokenizer: Path
    state: Path
    output: Path

    def split(self, name: str) -> Path:
        """The examples of one of SPLITS_READ."""
        return self.task / f"{name}.arrow"

    @property
    def inputs(self) -> list[Path]:
        """The files that the result depends on."""
        examples = map(self.split, SPLITS_READ)
        return [*examples, *files_of(self.checkpoint), self.tokenizer / "tokenizer.json"]
