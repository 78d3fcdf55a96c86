"""A study in a folder of its own, run as a user runs it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

NOTE_MODULES = """
import atexit, json, os, pathlib, sys

def note():
    ours = [name for name in sys.modules if name.partition(".")[0] == "maskpolicy"]
    path = pathlib.Path(__file__).with_name(f"{os.getpid()}.json")
    path.write_text(json.dumps({"command": sys.argv, "modules": ours}))

atexit.register(note)
"""
"""Loaded by every Python that finds it as `sitecustomize`: writes down what it has imported."""


class StudyFolder:
    """A working directory with a configuration, where Snakemake runs as a user runs it."""

    def __init__(self, folder: Path, study: dict) -> None:
        self.folder = folder
        self.study = study
        self.results = folder / "results" / "study"

    def snakemake(
        self, *arguments: str, python: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess:
        """Run Snakemake on the study as it is now configured."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.study))
        configured = ("--configfile", str(self.folder / "study.yaml"))
        return self.printed(*configured, *arguments, python=python, **variables)

    def printed(
        self, *arguments: str, python: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess:
        """Run Snakemake in the folder with no arguments but these, as a user is told to."""
        command = [sys.executable, *python, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        return subprocess.run(
            [*command, "--directory", self.folder, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | variables,
        )

    def planned(self, *arguments: str) -> set[str]:
        """The rules that a dry run would run."""
        done = self.snakemake("--dry-run", "--quiet=rules", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return rules_of(done.stdout)

    def finish(self) -> "StudyFolder":
        """Run it to its end; `output` is what the terminal showed."""
        notes = self.folder / "notes"
        notes.mkdir()
        (notes / "sitecustomize.py").write_text(NOTE_MODULES)
        path = os.pathsep.join([str(notes), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = self.snakemake("--cores", "2", PYTHONPATH=path)
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output[-5000:]
        return self

    def modules(self) -> dict[str, set[str]]:
        """Which of our modules each command loaded while the study was run to its end."""
        loaded: dict[str, set[str]] = {}
        for path in self.folder.glob("notes/*.json"):
            note = json.loads(path.read_text())
            program, *arguments = note["command"]
            if Path(program).name == "maskpolicy":
                loaded.setdefault(arguments[0], set()).update(note["modules"])
        return loaded


def rules_of(listing: str) -> set[str]:
    """The rules that the job statistics of a dry run list."""
    statistics = re.findall(r"^(\w+) +\d+$", listing, re.MULTILINE)
    return set(statistics) - {"total", "all"}


def write_jsonl(path: Path, rows: Sequence[dict]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
