"""Who made results: a line for each start of the workflow, beside what it made.

Importing this module loads nothing heavy: the workflow writes a line before its first job.
"""

import os
import platform
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field, ValidationError

import maskpolicy
from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import read_json_lines
from maskpolicy.records import JsonRecord

PROVENANCE = "provenance.jsonl"
"""In the folder of a study's results: its starts."""

PACKAGES = ("maskpolicy", "torch", "transformers", "tokenizers", "spacy", "numpy", "scipy")
"""Whose versions decide figures."""

_CODE = (".", ":/Snakefile", ":/workflow/rules")
"""What of a checkout decides them too; its configurations are told by their hash."""

_COPIED = 60.0
"""Seconds between the last start and the time of its file, from which on times are a copy's."""

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class Code(JsonRecord, extra="ignore"):
    """The code of this package; without a commit it is installed, or git does not read it."""

    commit: Commit | None
    changed: bool = False  # since that commit

    def __str__(self) -> str:
        if self.commit is None:
            return "no commit known: an installed package, or none that git reads"
        return f"commit {self.commit[:12]}" + (", changed since" if self.changed else "")


class Start(JsonRecord, extra="ignore"):
    """A start of the workflow that had something to make, and the machine that it was on.

    Jobs that it sent to a cluster ran on other machines, with the same packages. What later
    versions say more of a start is passed over.
    """

    time: AwareDatetime
    code: Code
    configuration: str  # as `configuration_hash`
    versions: dict[str, str]  # of PACKAGES, and of Python
    machine: str
    cluster: bool  # whether jobs were sent to one
    in_copy: bool = False  # whether it found results that a copy had taken their times from

    @classmethod
    def now(cls, configuration: Path, *, cluster: bool) -> "Start":
        """A start with the configuration in this file."""
        versions = {package: version(package) for package in PACKAGES}
        return cls(
            time=datetime.now(UTC),
            code=installed_code(),
            configuration=configuration_hash(configuration),
            versions=versions | {"Python": platform.python_version()},
            machine=_machine(),
            cluster=cluster,
        )

    def append(self, path: Path) -> None:
        """Add it to those in a file, and whether that is a copy, which the line hides from then on.

        Raises ArtefactError where that can't be written, or has a damaged line.
        """
        start = self.model_copy(update={"in_copy": _is_copy(path, read_starts(path))})
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(start.model_dump_json() + "\n")
        except OSError as error:
            raise ArtefactError(f"cannot write {path}: {error.strerror}") from error


@dataclass(frozen=True)
class Makers:
    """The starts that made some files, in their order.

    known: whether those are all; files may be older than what is kept of starts. copied: how many
    starts, the first ones, are all that may have made files that lost their times in a copy.
    """

    starts: tuple[Start, ...]
    known: bool
    copied: int = 0

    @classmethod
    def of(cls, path: Path, files: Iterable[Path]) -> "Makers":
        """Who made those of the files that are there, by the starts in `path`, there or not.

        Each was made by the last start before it. Raises ArtefactError naming a damaged line.
        """
        starts = read_starts(path)
        begun = [start.time.timestamp() for start in starts]
        made = {bisect_right(begun, file.stat().st_mtime) for file in files if file.is_file()}
        # A file that is older than the start in a copy may be of any start before that.
        copied = max((number for number, start in enumerate(starts) if start.in_copy), default=0)
        if _is_copy(path, starts):
            copied = len(starts)
        known, numbers = bool(made) and 0 not in made, made - {0}
        if any(number <= copied for number in numbers):
            numbers |= {*range(1, copied + 1)}
        else:
            copied = 0
        return cls(tuple(starts[number - 1] for number in sorted(numbers)), known, copied)

    @property
    def facts(self) -> dict[str, str]:
        """What is the same wherever they ran, by what it is called: code, configuration, versions.

        Where starts differ it is each of theirs, in their order.
        """
        if not self.starts:
            return {"Code": self.each(())}
        return {
            "Code": self.each(str(start.code) for start in self.starts),
            "Configuration": self.each(start.configuration for start in self.starts),
            "Versions": self.each(
                ", ".join(f"{name} {number}" for name, number in start.versions.items())
                for start in self.starts
            ),
        }

    def each(self, said: Iterable[str]) -> str:
        """What is said of the starts, each once, and of what is older or not told apart."""
        of_starts = list(said)
        older = [] if self.known else ["not known: made before that was kept, or no longer there"]
        copied = list(dict.fromkeys(of_starts[: self.copied]))
        if len(copied) > 1:
            copied = ["; or ".join(copied) + " (a copy has lost the times that would tell)"]
        return "; then ".join(dict.fromkeys([*older, *copied, *of_starts[self.copied :]]))


def read_starts(path: Path) -> list[Start]:
    """The starts in a file, the first first; of one that is not there none.

    Raises ArtefactError naming the file and line that holds none.
    """
    starts = []
    for line in read_json_lines(path) if path.is_file() else ():
        try:
            starts.append(Start.model_validate(line.fields))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise line.wrong(f"{key}: {problem['msg']}") from None
    return starts


def lose_times(path: Path) -> None:
    """Give a file of starts the time of a copy: those of the files beside it are about to change.

    Raises ArtefactError where that can't be done.
    """
    if not path.is_file():
        return
    try:
        os.utime(path, 2 * (datetime.now(UTC).timestamp() + 2 * _COPIED,))
    except OSError as error:
        raise ArtefactError(f"cannot write {path}: {error.strerror}") from error


def configuration_hash(configuration: Path) -> str:
    """The first letters of the hash of what was run."""
    return f"sha256:{sha256(configuration.read_bytes()).hexdigest()[:16]}"


def installed_code() -> Code:
    """That of this package now."""
    here = Path(maskpolicy.__file__).parent
    try:
        # First that the package is kept there: an environment may lie in anybody's checkout. And
        # a checkout may be another user's, from which Python has loaded this already.
        _, head, changed = (
            subprocess.run(
                ["git", "-c", "safe.directory=*", "-C", str(here), *arguments],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for arguments in (
                ["ls-files", "--error-unmatch", "__init__.py"],
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "--", *_CODE],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return Code(commit=None)
    return Code(commit=head, changed=bool(changed))


def _is_copy(path: Path, starts: Sequence[Start]) -> bool:
    """Whether the file of these starts has another time than that of the last."""
    return bool(starts) and abs(path.stat().st_mtime - starts[-1].time.timestamp()) > _COPIED


def _machine() -> str:
    """Processor, cores, system and GPUs."""
    names = _values(Path("/proc/cpuinfo"), "model name") or [platform.machine()]
    drivers = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    gpus = [name for information in drivers for name in _values(information, "Model")]
    several = [f"{gpus.count(name)} x {name}" for name in dict.fromkeys(gpus)]
    return ", ".join([names[0], f"{os.cpu_count()} cores", platform.system(), *several])


def _values(path: Path, key: str) -> list[str]:
    """What stands behind a key in a file of the kernel; nothing where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == key]
