"""Results of finished trainings, kept until the study has come to its end.

Of a node that doesn't answer Snakemake takes the job for dead, deletes its outputs and starts it
again, while the job may go on and come to its end. What it has trained is then taken, and not
trained again. Kept are hard links, which cost no disk, where the file system has them. Importing
this module loads nothing heavy.
"""

import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskpolicy.artefacts import atomic_directory, atomic_path, is_whole
from maskpolicy.errors import ArtefactError

_SUFFIX = ".result"
_KEPT = re.compile(rf"[0-9a-f]{{32}}{re.escape(_SUFFIX)}")


@dataclass(frozen=True)
class KeptResult:
    """That of the training with a fingerprint, beside its state in the folder `state`."""

    state: Path
    fingerprint: str

    @property
    def folder(self) -> Path:
        """Where it is, under its own name."""
        return self.state / f"{self.fingerprint[:32]}{_SUFFIX}"

    def keep(self, output: Path) -> None:
        """Keep what is at `output` though it be deleted: a folder, vouched for by a manifest.json,
        or a small file. Where that can't be, it is only not kept.
        """
        with suppress(ArtefactError), atomic_directory(self.folder) as folder:
            _link(output, folder / output.name)

    def take(self, output: Path, title: str) -> bool:
        """Write `output` from what is kept, and say so; whether anything was, and whole."""
        kept = self.folder / output.name
        if not kept.exists():
            return False
        if kept.is_dir() and not is_whole(kept / "manifest.json"):
            shutil.rmtree(self.folder)  # it was damaged by what damaged the output
            return False
        with (atomic_directory if kept.is_dir() else atomic_path)(output) as path:
            _link(kept, path)
            for file in (path, *path.rglob("*")):
                os.utime(file)  # else it would be older than inputs that were made again, the same
        print(f"{title}: an earlier job trained it to its end, which is taken", file=sys.stderr)
        return True


def is_kept(path: Path) -> bool:
    """Whether a path leads into a kept result."""
    return any(_KEPT.fullmatch(name) for name in path.parts)


def forget_results(states: Path) -> None:
    """Remove all that is kept in a folder of states, and the folders in it that are empty then."""
    for name, _, _ in os.walk(states, topdown=False):
        folder = Path(name)
        if _KEPT.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder != states:
            with suppress(OSError):  # a state is there
                folder.rmdir()


def _link(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_linked, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # the file system has none, or another one is the target's
        shutil.copy2(source, target)
