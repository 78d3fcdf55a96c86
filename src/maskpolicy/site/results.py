"""A study and the folder of what it has made, as the site reads them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import join

from maskpolicy.artefacts import read_json
from maskpolicy.errors import InputError
from maskpolicy.reporting.view import ResultTable
from maskpolicy.study.loading import CONFIGURATION, STUDY_FILE, Study, StudyFiles
from maskpolicy.study.plan import Plan
from maskpolicy.study.tables import PlannedTables

DEFAULT_FILE = "config.yaml"
"""The configuration that Snakemake reads where none is named."""


@dataclass(frozen=True)
class StudyResults:
    """The folder of a study's results, which may have been copied to another place."""

    folder: Path
    study: Study

    @classmethod
    def read(cls, folder: Path) -> "StudyResults":
        """Read what was run. Raises InputError for a folder that is none of results."""
        configuration = folder / CONFIGURATION
        if not configuration.is_file():
            raise InputError(f"{folder} is not a folder of results: it has no {CONFIGURATION}")
        return cls(folder, Study.load(read_json(configuration)))

    @cached_property
    def plan(self) -> Plan:
        """What the study needs."""
        return Plan(self.study)

    @cached_property
    def tables(self) -> PlannedTables:
        """What its tables need."""
        return PlannedTables(self.plan)

    def at(self, planned: str) -> Path:
        """Where a planned path lies."""
        return self.folder / os.path.relpath(planned, self.study.results)

    def made_tables(self) -> Iterator[ResultTable]:
        """The tables that are there. Raises ArtefactError, naming the file, for a damaged one."""
        for name in self.study.tables:
            path = self.folder / "tables" / f"{name}.json"
            if path.is_file():
                yield ResultTable.read(path)

    @property
    def configured_in(self) -> list[str]:
        """The files of its configuration, relative to where it ran."""
        path = self.folder / STUDY_FILE
        return list(StudyFiles.read(path).files) if path.is_file() else []

    def command(self, *targets: str) -> str:
        """What makes some of its files again, where it ran."""
        files = [file for file in self.configured_in if file != DEFAULT_FILE]
        return _command(*targets, files=files)

    def exact_command(self, *targets: str) -> str:
        """The same from the configuration that was run, whatever its files say by now."""
        return _command(*targets, files=[f"{self.study.results}/{CONFIGURATION}"])


def _command(*targets: str, files: list[str]) -> str:
    given = ["--configfile", *files] if files else []
    return join(["snakemake", "--cores", "all", *targets, *given])
