"""Starts of the workflow that were never made."""

import os
from datetime import UTC, datetime
from pathlib import Path

from maskpolicy.provenance import PROVENANCE, Code, Start

START = Start(
    time=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    code=Code(commit="a" * 40),
    configuration="sha256:0123456789abcdef",
    versions={"torch": "2.0", "Python": "3.11"},
    machine="A processor <b>, 2 cores",
    cluster=False,
)


def write_starts(folder: Path, *starts: Start) -> Path:
    """Write them as they would have been, each at its time."""
    path = folder / PROVENANCE
    path.unlink(missing_ok=True)
    for start in starts:
        start.append(path)
        os.utime(path, 2 * (start.time.timestamp(),))
    return path
