"""What jobs took, as Snakemake's benchmark files say; importing this module loads nothing heavy."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

from maskpolicy.errors import ArtefactError

Costs = dict[str, dict[str, float]]
"""Arm -> stage -> seconds of wall time, of one checkpoint."""


def read_benchmark(path: str | Path) -> float:
    """The wall time in a benchmark file of Snakemake: of the last time that its job ran.

    Of a job that was interrupted that is its last part, of one that took a result of before a
    moment. In seconds. Raises ArtefactError, naming the file.
    """
    return _last(Path(path), lambda row: float(row["s"]))


def read_core_time(path: str | Path, processes: int = 1) -> float:
    """The time of cores in such a file, in seconds: a core for each process all the while, or more
    where Snakemake saw more used.

    Its `cpu_time` is sampled, and misses what short jobs do. Raises ArtefactError, naming the file.
    """
    return max(processes * read_benchmark(path), _last(Path(path), _cpu_time))


def _cpu_time(row: Mapping[str, str]) -> float:
    return 0.0 if row["cpu_time"] == "NA" else float(row["cpu_time"])  # of what ended at once


def _last(path: Path, figure: Callable[[Mapping[str, str]], float]) -> float:
    """A figure of the last measurement in a file."""
    try:
        figures = [figure(row) for row in read_rows(path, "\t")]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} is not a benchmark of Snakemake") from error
    if not figures:
        raise ArtefactError(f"{path} holds no measurement: rerun its rule")
    return figures[-1]


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
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArtefactError(f"{path} is damaged: {error}: rerun its rule") from error
