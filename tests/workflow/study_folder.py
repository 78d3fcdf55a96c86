"""A study in a folder of its own, run as a user runs it."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


class StudyFolder:
    """A working directory with a configuration, where Snakemake runs as a user runs it."""

    def __init__(self, folder: Path, study: dict) -> None:
        self.folder = folder
        self.study = study

    def snakemake(
        self, *arguments: str, python: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess:
        """Run Snakemake on the study as it is now configured."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.study))
        command = [sys.executable, *python, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--directory", self.folder, "--configfile", self.folder / "study.yaml"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    def planned(self, *arguments: str) -> set[str]:
        """The rules that a dry run would run."""
        done = self.snakemake("--dry-run", "--quiet=rules", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return rules_of(done.stdout)

    def finish(self) -> "StudyFolder":
        """Run it to its end; `output` is what the terminal showed."""
        done = self.snakemake("--cores", "2")
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output[-5000:]
        return self


def rules_of(listing: str) -> set[str]:
    """The rules that the job statistics of a dry run list."""
    statistics = re.findall(r"^(\w+) +\d+$", listing, re.MULTILINE)
    return set(statistics) - {"total", "all"}


def write_jsonl(path: Path, rows: Sequence[dict]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
