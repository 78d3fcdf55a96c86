"""What a training says of itself for programs to read: a line of JSON every few steps."""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskpolicy.errors import ArtefactError

if TYPE_CHECKING:
    import torch

LOG_NAME = "training.jsonl"
"""Of the log: beside the state of a training, and in the end beside what it made."""


class StepLog:
    """A file that grows by a line at a time, so that it can be read while the training runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def go_on(self, done: int) -> None:
        """Cut off what is not of the first `done` steps: an interrupted training takes the others
        again. Raises ArtefactError where that can't be written.
        """
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self.path.read_bytes() if self.path.exists() else b""
            whole = [line for line in before.splitlines(keepends=True) if line.endswith(b"\n")]
            self.path.write_bytes(b"".join(x for x in whole if json.loads(x)["step"] <= done))

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line; its `step` is how many are done. Raises ArtefactError where that fails."""
        with self._explained(), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtefactError(f"cannot write {self.path}: {error.strerror}") from error


def memory_peaks(device: "torch.device") -> dict[str, int]:
    """The most MiB that this process had so far, and that its tensors had on a GPU."""
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = {"memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20}
    if device.type == "cuda":
        import torch  # here, because others read logs without it

        peaks["gpu_memory_mib"] = torch.cuda.max_memory_allocated(device) >> 20
    return peaks
