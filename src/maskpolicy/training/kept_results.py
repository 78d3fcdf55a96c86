"""Results of finished trainings, kept until the study has come to its end.

Of a node that doesn't answer Snakemake takes the job for dead, deletes its outputs and starts it
again, while the job may go on and come to its end. What it has trained is then taken, and not
trained again. Kept are hard links, which cost no disk. Importing this module loads nothing heavy.
"""

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskpolicy.artefacts import atomic_directory

_SUFFIX = ".result"


@dataclass(frozen=True)
class KeptResult:
    """That of the training with a fingerprint, beside its state in the folder `state`."""

    state: Path
    fingerprint: str

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.state / f"{self.fingerprint[:32]}{_SUFFIX}"

    def keep(self, output: Path) -> None:
        """Keep the files of the folder `output` though it be deleted."""
        with atomic_directory(self.folder) as folder:
            _link(output, folder)

    def take(self, output: Path, title: str) -> bool:
        """Write the folder `output` from what is kept, and say so; whether anything was."""
        if not self.folder.exists():
            return False
        with atomic_directory(output) as folder:
            _link(self.folder, folder)
            for file in folder.rglob("*"):
                os.utime(file)  # else it would be older than inputs that were made again, the same
        print(f"{title}: an earlier job trained it to its end, which is taken", file=sys.stderr)
        return True


def forget_results(states: Path) -> None:
    """Remove all that is kept in a folder of states, and the folders in it that are empty then."""
    for folder, _, _ in os.walk(states, topdown=False):
        if folder.endswith(_SUFFIX):
            shutil.rmtree(folder, ignore_errors=True)
        elif Path(folder) != states:
            with suppress(OSError):  # a state is there
                Path(folder).rmdir()


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # the file system has none, or another one is the target's
        shutil.copy2(source, target)
