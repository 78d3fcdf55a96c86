"""Collecting the runs of a table: every row, with every seed, on the same test examples."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.clusters import number_clusters
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.runs import ExampleStatistics, Run
from maskpolicy.evaluation.search import Search
from maskpolicy.evaluation.specs import TableRow
from maskpolicy.text_files import write_rows

RUNS_SCHEMA = pa.schema(
    {
        "block": pa.int64(),
        "row": pa.string(),
        "model": pa.string(),
        "stage": pa.string(),
        "policy": pa.string(),
        "task": pa.string(),
        "pretraining_seed": pa.int64(),
        "seed": pa.int64(),
        "split": pa.string(),
        "metric": pa.string(),
        "signature": pa.string(),
        "examples": pa.int64(),
        "score": pa.float64(),
        "learning_rate": pa.float64(),
        "learning_rates": pa.list_(pa.float64()),
        "learning_rate_tied": pa.bool_(),
        "searched": pa.list_(
            pa.struct(
                {
                    "axis": pa.string(),
                    "chosen": pa.int64(),
                    "grid": pa.list_(pa.int64()),
                    "tied": pa.bool_(),
                }
            )
        ),
        "only_prediction": pa.string(),
        "example_statistics": pa.list_(pa.float64()),
        "example_clusters": pa.list_(pa.int32()),
    }
)
"""One row a run and metric; scores lie in [0, 1], of correlations in [-1, 1].

`block` and `row` are where the table shows it, `stage` is what its `policy` was pre-trained in.

example_statistics holds what the score is made of (see :mod:`maskpolicy.evaluation.metrics`), M
numbers of each example, one example after another in the order of the ids: [examples, M] row-major.
`learning_rate` was chosen on dev from `learning_rates`, which ascend, and is tied where another one
did as well there; `searched` says the same of the steps and batch sizes, where there were several.
`only_prediction` is what is predicted for every example, and null where
predictions differ. `example_clusters` numbers the cluster of each example, in the order of the ids,
and is null where each stands for itself.
"""


class UnpairedRuns(ArtefactError):
    """The runs of a table can't be compared seed by seed and example by example."""


def collect_runs(
    rows: Sequence[TableRow],
    runs_csv: Path,
    runs_arrow: Path,
    tests: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Gather the runs of a table's rows; their order becomes that of its rows and tasks.

    Beside each `metrics.json` lies `statistics.arrow`. `tests` are the test splits of tasks, which
    say what examples stand in clusters. `runs_arrow` has RUNS_SCHEMA; `runs_csv` has the same
    rows without single examples and settings not chosen. Raises UnpairedRuns, naming the file or
    arm, when a run is there twice or of another arm than its row, when a row lacks a seed that
    another one has, when those of a block differ in model, or any in split, test examples or
    signatures.

    Memory holds some 30 bytes for each metric of each example of each run: 1 GB of 4,500 runs on
    3,600 examples by two metrics.
    """
    runs = [(row, path, Run.read(path)) for row in rows for path in map(Path, row.runs)]
    searches = [Search.read(Path(path)) for row in rows for path in row.searches]
    _check_models(runs)
    _check_seeds(runs)
    collected = []
    first_of_task: dict[str, tuple[Path, Run, pa.Array]] = {}
    clusters: dict[str, list[int] | None] = {}
    for (row, path, run), search in zip(runs, searches, strict=True):
        examples = ExampleStatistics.read(path, run)
        first_path, first, ids = first_of_task.setdefault(run.task, (path, run, examples.ids))
        if not examples.ids.equals(ids):
            raise UnpairedRuns(f"{path} was tested on other examples than {first_path}")
        if run.task not in clusters:
            known = run.task in tests
            clusters[run.task] = _clusters(Path(tests[run.task]), ids) if known else None
        if (run.split, run.signatures) != (first.split, first.signatures):
            raise UnpairedRuns(
                f"{path} was scored on {run.split} by {_listed(run.signatures.values())},"
                f" but {first_path} on {first.split} by {_listed(first.signatures.values())}"
            )
        about = run.model_dump(
            include={"model", "policy", "task", "pretraining_seed", "seed", "split", "examples"}
        )
        collected += [
            {
                "block": row.block,
                "row": row.name,
                "stage": row.stage,
                **about,
                "metric": metric,
                "signature": run.signatures[metric],
                "score": score,
                "learning_rate": search.learning_rate,
                "learning_rates": search.grid,
                "learning_rate_tied": search.tied,
                "searched": [
                    {
                        "axis": axis,
                        "chosen": getattr(search, axis),
                        "grid": search.values(axis),
                        "tied": search.tied_in(axis),
                    }
                    for axis in search.axes
                    if axis != "learning_rate"
                ],
                # Whose choices are what a metric scores may well predict one text everywhere.
                "only_prediction": run.only_prediction if find_metric(metric).decoded else None,
                "example_statistics": examples.statistics[metric].ravel(),
                "example_clusters": clusters[run.task],
            }
            for metric, score in run.metrics.items()
        ]
    table = pa.Table.from_pylist(collected, schema=RUNS_SCHEMA)
    shown = table.drop_columns(
        ["learning_rates", "searched", "example_statistics", "example_clusters"]
    )
    write_rows(runs_csv, shown.column_names, shown.to_pylist())
    write_table(runs_arrow, table)


Runs = Sequence[tuple[TableRow, Path, Run]]


def _clusters(test: Path, ids: pa.Array) -> list[int] | None:
    """The number of each example's cluster, where any example has one."""
    table = read_table(test)
    if "cluster" not in table.column_names:
        return None
    of_id = dict(
        zip(table.column("id").to_pylist(), table.column("cluster").to_pylist(), strict=True)
    )
    if not any(of_id.values()):
        return None
    try:
        return number_clusters((name, of_id[name]) for name in ids.to_pylist())
    except KeyError as error:
        raise UnpairedRuns(
            f"{test} has no example {error}, which the runs were tested on"
        ) from None


def _check_models(runs: Runs) -> None:
    if not runs:
        raise UnpairedRuns("there are no runs to collect")
    first_of_block: dict[int, tuple[Path, Run]] = {}
    for row, path, run in runs:
        first_path, first = first_of_block.setdefault(row.block, (path, run))
        if run.model != first.model:
            raise UnpairedRuns(
                f"arms of one model are compared: {path} is a run of {run.model},"
                f" {first_path} of {first.model}"
            )
        if run.policy != row.arm:
            raise UnpairedRuns(f"{path} is a run of {run.policy}, in a row of {row.arm}")


def _check_seeds(runs: Runs) -> None:
    found: dict[tuple[int, str, str, int, int], Path] = {}
    for row, path, run in runs:
        cell = (row.block, row.name, run.task, run.pretraining_seed, run.seed)
        if cell in found:
            raise UnpairedRuns(f"{path} is the same run as {found[cell]}: {_describe(*cell[1:])}")
        found[cell] = path
    seeds = dict.fromkeys((run.pretraining_seed, run.seed) for _, _, run in runs)
    shown = dict.fromkeys((row.block, row.name) for row, _, _ in runs)
    tasks = dict.fromkeys(run.task for _, _, run in runs)
    missing = [
        cell
        for cell in ((*row, task, *seed) for row in shown for task in tasks for seed in seeds)
        if cell not in found
    ]
    if missing:
        by_row = [next(cells) for _, cells in groupby(missing, lambda cell: cell[:2])]
        raise UnpairedRuns(
            f"{len(missing)} runs are missing that other arms have: "
            + "; ".join(_describe(*cell[1:]) for cell in by_row)
        )


def _describe(row: str, task: str, pretraining_seed: int, seed: int) -> str:
    return f"arm {row} on {task} with pre-training seed {pretraining_seed} and seed {seed}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
