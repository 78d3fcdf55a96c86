import csv
import json
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pytest

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.collection import RUNS_SCHEMA, UnpairedRuns, collect_runs
from maskpolicy.evaluation.search import SEARCH_FILE
from maskpolicy.evaluation.specs import TableRow


def rows_of(metrics_files, **where):
    """A row for each arm of the runs."""
    of_arms = {}
    for path in metrics_files:
        of_arms.setdefault(json.loads(path.read_text())["policy"], []).append(str(path))
    about = {"block": 0, "stage": "wiki"} | where
    return [row_of(arm, runs, **{"name": arm} | about) for arm, runs in of_arms.items()]


def row_of(arm, runs, **about):
    """A row of runs, each of which lies beside the search of its settings."""
    searches = [str(Path(run).parents[1] / SEARCH_FILE) for run in runs]
    return TableRow(**about, arm=arm, runs=runs, searches=searches)


@pytest.fixture
def collect(tmp_path):
    def collect(*metrics_files, rows=None, tests=MappingProxyType({})):
        if rows is None:
            rows = rows_of(metrics_files)
        collect_runs(rows, tmp_path / "runs.csv", tmp_path / "runs.arrow", tests)
        return read_table(tmp_path / "runs.arrow")

    return collect


def test_runs_are_collected_in_the_order_given(make_run, collect, tmp_path):
    table = collect(
        make_run("ssm", 0),
        make_run("ssm", 1, ["Paris", "Rome"]),
        make_run("none", 0, ["Rome", "Rome"]),
        make_run("none", 1, ["Bern", "Paris"], ids=["q1", "q0"], answers=[["Bern"], ["Oslo"]]),
    )
    assert table.schema == RUNS_SCHEMA
    assert table.column("policy").to_pylist() == ["ssm", "ssm", "none", "none"]
    assert table.column("score").to_pylist() == [1.0, 0.5, 0.0, 0.5]
    # whatever the order in a file, the examples of all runs line up
    assert table.column("example_statistics").to_pylist() == [[1, 1], [1, 0], [0, 0], [0, 1]]
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == ["1.0", "0.5", "0.0", "0.5"]
    assert {"example_statistics", "learning_rates"}.isdisjoint(rows[0])
    assert {row["learning_rate"] for row in rows} == {"0.0001"}
    assert {*map(tuple, table.column("learning_rates").to_pylist())} == {(1e-5, 1e-4)}


def test_a_run_that_predicts_one_thing_says_which(make_run, collect):
    table = collect(
        make_run("ssm", predictions=["Paris", "Bern"]),
        make_run("rand", predictions=["Bern", " Bern"]),
        make_run("none", predictions=["", " "]),
    )
    assert table.column("only_prediction").to_pylist() == [None, "Bern", ""]


def test_a_run_whose_search_is_lost_is_named(make_run, collect, tmp_path):
    run = make_run()
    (tmp_path / "search.json").unlink()
    with pytest.raises(ArtefactError, match=r"search\.json"):
        collect(run)


def test_a_run_has_a_row_for_each_metric(make_run, collect):
    table = collect(make_run(metrics=["exact_match", "token_f1"]))
    assert table.column("metric").to_pylist() == ["exact_match", "token_f1"]


def test_a_metric_of_the_split_has_several_numbers_an_example(make_run, collect, tmp_path):
    labels = {"ids": ["q1", "q0"], "answers": [["1"], ["0"]], "metrics": ["binary_f1", "pearson"]}
    table = collect(make_run(predictions=["0", "1"], **labels))
    assert table.column("score").to_pylist() == [0.0, pytest.approx(-1)]
    # q0 and q1: whether the label 1 is a true positive, predicted and gold
    assert table.column("example_statistics")[0].as_py() == [0, 1, 0, 0, 0, 1]
    with (tmp_path / "runs.csv").open() as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == [0, pytest.approx(-1)]


def test_a_missing_seed_is_named(make_run, collect):
    runs = make_run("ssm", 0), make_run("ssm", 1), make_run("none", 1)
    with pytest.raises(UnpairedRuns, match="arm none on qa with pre-training seed 0 and seed 0"):
        collect(*runs)


def test_an_arm_without_a_task_is_named(make_run, collect):
    runs = make_run("ssm"), make_run("ssm", task="nq"), make_run("none", task="nq")
    with pytest.raises(UnpairedRuns, match=r"1 runs are missing .*: arm none on qa"):
        collect(*runs)


def test_a_repeated_run_is_named(make_run, collect):
    with pytest.raises(UnpairedRuns, match=r"again/metrics.json is the same run as .*ssm-qa-0"):
        collect(make_run(), make_run(folder="again"))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"ids": ["q0", "q2"]}, "none-qa-0/metrics.json was tested on other examples than .*ssm"),
        ({"metrics": ["token_f1"]}, "none-qa-0/metrics.json was scored on test by token_f1"),
        ({"model": "big"}, "none-qa-0/metrics.json is a run of big, .*ssm-qa-0.* of tiny"),
    ],
)
def test_runs_that_cannot_be_compared_are_named(make_run, collect, second, message):
    with pytest.raises(UnpairedRuns, match=message):
        collect(make_run("ssm"), make_run("none", **second))


def test_runs_of_another_split_are_named(make_run, collect):
    other = make_run("none")
    other.write_text(other.read_text().replace('"split": "test"', '"split": "dev"'))
    with pytest.raises(UnpairedRuns, match=r"none-qa-0/metrics.json was scored on dev"):
        collect(make_run("ssm"), other)


def test_nothing_is_left_behind_after_an_error(make_run, collect, tmp_path):
    with pytest.raises(UnpairedRuns):
        collect(make_run(), make_run(folder="again"))
    assert not list(tmp_path.glob("runs.*"))


def test_no_runs_are_an_error(collect):
    with pytest.raises(UnpairedRuns, match="no runs"):
        collect()


def test_runs_of_several_models_and_stages_are_told_apart(make_run, collect, tmp_path):
    def runs(**names):
        folder = "-".join(names.values())
        return [make_run("ssm", seed, folder=f"{folder}/{seed}", **names) for seed in (0, 1)]

    small, big = runs(model="small"), runs(model="big")
    table = collect(
        rows=[
            *rows_of(small),
            *rows_of(big, block=1),
            *rows_of(small, stage="longer", name="ssm after longer"),
        ]
    )
    assert table.column("block").to_pylist() == [0, 0, 1, 1, 0, 0]
    assert table.column("row").to_pylist() == ["ssm"] * 4 + ["ssm after longer"] * 2
    assert table.column("stage").to_pylist() == ["wiki"] * 4 + ["longer"] * 2
    assert table.column("model").to_pylist() == ["small"] * 2 + ["big"] * 2 + ["small"] * 2


def test_a_block_that_lacks_a_seed_is_named(make_run, collect):
    first = [make_run("ssm", 0), make_run("ssm", 1)]
    other = [make_run("ssm", 0, folder="big/0", model="big")]
    with pytest.raises(UnpairedRuns, match=r"1 runs are missing .*: arm ssm on qa .* and seed 1"):
        collect(rows=[*rows_of(first), *rows_of(other, block=1)])


def test_a_run_of_another_arm_than_its_row_is_named(make_run, collect):
    row = row_of("rand", [str(make_run("ssm"))], block=0, name="rand", stage="wiki")
    with pytest.raises(UnpairedRuns, match=r"metrics\.json is a run of ssm, in a row of rand"):
        collect(rows=[row])


def test_the_clusters_of_examples_are_those_of_the_test_split(make_run, collect, tmp_path):
    ids = ["q2", "q0", "q1", "q3"]
    run = make_run(predictions=["x"] * 4, ids=ids, answers=[["x"]] * 4)
    test = tmp_path / "test.arrow"

    def clusters_of(columns):
        write_table(test, pa.table(columns))
        return collect(run, tests={"qa": str(test)}).column("example_clusters").to_pylist()

    # By their ids, whatever the order in files; one without a cluster is alone.
    clusters = ["b", "a", "b", ""]
    assert clusters_of({"id": ids, "cluster": clusters}) == [[0, 1, 1, 2]]
    assert clusters_of({"id": ids, "cluster": [""] * 4}) == [None]
    assert clusters_of({"id": ids}) == [None]
    assert collect(run).column("example_clusters").to_pylist() == [None]
    with pytest.raises(UnpairedRuns, match=r"test\.arrow has no example 'q3'"):
        clusters_of({"id": ids[:3], "cluster": clusters[:3]})
