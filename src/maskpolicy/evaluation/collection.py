"""Collecting the runs of a table: every arm, with every seed, on the same test examples."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import write_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.runs import ExampleStatistics, Run
from maskpolicy.evaluation.search import SEARCH_FILE, Search
from maskpolicy.text_files import write_rows

RUNS_SCHEMA = pa.schema(
    {
        "model": pa.string(),
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
    }
)
"""One row a run and metric; scores lie in [0, 1], of correlations in [-1, 1].

example_statistics holds what the score is made of (see :mod:`maskpolicy.evaluation.metrics`), M
numbers of each example, one example after another in the order of the ids: [examples, M] row-major.
`learning_rate` was chosen on dev from `learning_rates`, which ascend, and is tied where another one
did as well there; `searched` says the same of the steps and batch sizes, where there were several.
`only_prediction` is what is predicted for every example, and null where
predictions differ.
"""


class UnpairedRuns(ArtefactError):
    """The runs of a table can't be compared seed by seed and example by example."""


def collect_runs(metrics_files: Sequence[Path], runs_csv: Path, runs_arrow: Path) -> None:
    """Gather runs into one table. The order of the files becomes the order of its arms and tasks.

    `metrics_files` are the `metrics.json` of all runs, with `predictions.arrow` beside each, and
    `search.json` beside the folders of those that it chose the learning rate of. `runs_arrow` has
    RUNS_SCHEMA; `runs_csv` has the same rows without single examples and settings not chosen.
    Raises UnpairedRuns, naming the file or arm, when a run is there twice, when an arm lacks a seed
    that another one has, or when runs differ in model, split, test examples or signatures.
    """
    runs = [(path, Run.read(path)) for path in metrics_files]
    _check_model(runs)
    _check_seeds(runs)
    rows = []
    first_of_task: dict[str, tuple[Path, Run, pa.Array]] = {}
    for path, run in runs:
        examples = ExampleStatistics.read(path, run)
        search = Search.read(path.parents[1] / SEARCH_FILE)
        first_path, first, ids = first_of_task.setdefault(run.task, (path, run, examples.ids))
        if not examples.ids.equals(ids):
            raise UnpairedRuns(f"{path} was tested on other examples than {first_path}")
        if (run.split, run.signatures) != (first.split, first.signatures):
            raise UnpairedRuns(
                f"{path} was scored on {run.split} by {_listed(run.signatures.values())},"
                f" but {first_path} on {first.split} by {_listed(first.signatures.values())}"
            )
        about = run.model_dump(
            include={"model", "policy", "task", "pretraining_seed", "seed", "split", "examples"}
        )
        rows += [
            {
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
                "only_prediction": run.only_prediction,
                "example_statistics": examples.statistics[metric].ravel(),
            }
            for metric, score in run.metrics.items()
        ]
    table = pa.Table.from_pylist(rows, schema=RUNS_SCHEMA)
    shown = table.drop_columns(["learning_rates", "searched", "example_statistics"])
    write_rows(runs_csv, shown.column_names, shown.to_pylist())
    write_table(runs_arrow, table)


def _check_model(runs: Sequence[tuple[Path, Run]]) -> None:
    if not runs:
        raise UnpairedRuns("there are no runs to collect")
    first_path, first = runs[0]
    for path, run in runs:
        if run.model != first.model:
            raise UnpairedRuns(
                f"a table compares arms of one model: {path} is a run of {run.model},"
                f" {first_path} of {first.model}"
            )


def _check_seeds(runs: Sequence[tuple[Path, Run]]) -> None:
    found: dict[tuple[str, str, int, int], Path] = {}
    for path, run in runs:
        cell = (run.policy, run.task, run.pretraining_seed, run.seed)
        if cell in found:
            raise UnpairedRuns(f"{path} is the same run as {found[cell]}: {_describe(*cell)}")
        found[cell] = path
    seeds = dict.fromkeys((run.pretraining_seed, run.seed) for _, run in runs)
    arms = dict.fromkeys(run.policy for _, run in runs)
    tasks = dict.fromkeys(run.task for _, run in runs)
    missing = [
        cell
        for cell in ((arm, task, *seed) for arm in arms for task in tasks for seed in seeds)
        if cell not in found
    ]
    if missing:
        by_arm = [next(cells) for _, cells in groupby(missing, lambda cell: cell[0])]
        raise UnpairedRuns(
            f"{len(missing)} runs are missing that other arms have: "
            + "; ".join(_describe(*cell) for cell in by_arm)
        )


def _describe(arm: str, task: str, pretraining_seed: int, seed: int) -> str:
    return f"arm {arm} on {task} with pre-training seed {pretraining_seed} and seed {seed}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
