"""What jobs took, as Snakemake's benchmark files say; importing this module loads nothing heavy."""

import csv
from pathlib import Path

from maskpolicy.errors import ArtefactError

Costs = dict[str, dict[str, float]]
"""Arm -> stage -> seconds of wall time, of one checkpoint."""


def read_benchmark(path: str | Path) -> float:
    """The wall time in a benchmark file of Snakemake: of the last time that its job ran.

    Of a job that was interrupted that is its last part, of one that took a result of before a
    moment. In seconds: its `cpu_time` is sampled, and misses what short jobs do. Raises
    ArtefactError, naming the file.
    """
    try:
        seconds = [float(row["s"]) for row in read_rows(Path(path), "\t")]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} is not a benchmark of Snakemake") from error
    if not seconds:
        raise ArtefactError(f"{path} holds no measurement: rerun its rule")
    return seconds[-1]


def read_costs(path: Path) -> Costs:
    """What `draw_costs` wrote as NAME.csv. Raises ArtefactError, naming the file."""
    costs: Costs = {}
    for row in read_rows(path, ","):
        try:
            costs.setdefault(row["arm"], {})[row["stage"]] = float(row["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"{path} does not hold seconds by arm and stage") from error
    return costs


def read_rows(path: Path, delimiter: str) -> list[dict[str, str]]:
    """The rows of a small CSV or TSV. Raises ArtefactError naming a file that can't be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=delimiter))
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}: rerun its rule") from error
