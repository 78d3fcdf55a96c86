"""Files of predictions or scores in every format, and what is wrong with some of them."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table as write_parquet

from maskpolicy.arrow_files import write_table
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.evaluation.given_runs import Fields, read_given_runs

ROWS = [
    {"id": "q1", "prediction": "Paris", "answers": ["Paris", "Lutetia"], "country": "fr"},
    {"id": "q2", "prediction": "Rome", "answers": ["Bern"], "country": "ch"},
    {"id": 3, "prediction": "the Bern", "answers": ["Bern"], "country": "ch"},
]


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def read(tmp_path):
    """Read rows of two arms, written as JSONL."""

    def read(first, second, metric="exact_match", **fields):
        paths = [jsonl(tmp_path / f"{n}.jsonl", rows) for n, rows in (("a", first), ("b", second))]
        arms = {"a": paths[:1], "b": paths[1:]}
        return read_given_runs(arms, metric, Fields(**fields))

    return read


def changed(number, **fields):
    return [row | fields if i == number else row for i, row in enumerate(ROWS)]


def test_runs_line_up_in_whatever_order_they_are_written(read):
    given = read(ROWS, changed(1, prediction="bern")[::-1], cluster="country")
    assert given.statistics["a"][:, 0, 0].tolist() == [1, 0, 1]
    assert given.statistics["b"][:, 0, 0].tolist() == [1, 1, 1]
    assert given.clusters.tolist() == [0, 1, 1]
    assert given.signature.startswith("exact_match|")


def test_an_example_without_a_cluster_stands_for_itself(read):
    rows = [row | {"country": ""} for row in ROWS]
    assert read(rows, rows, cluster="country").clusters.tolist() == [0, 1, 2]
    assert read(ROWS, ROWS).clusters is None


@pytest.mark.parametrize("format", ["csv", "tsv", "parquet", "arrow", "json"])
def test_every_format_says_the_same(tmp_path, format):
    path, first = tmp_path / f"b.{format}", tmp_path / "a.jsonl"
    rows = [{**row, "id": str(row["id"]), "answer": row["answers"][0]} for row in ROWS]
    plain = [{name: row[name] for name in ("id", "prediction", "answer")} for row in rows]
    jsonl(first, plain)
    if format in ("csv", "tsv"):
        between = "," if format == "csv" else "\t"
        lines = [plain[0].keys(), *(row.values() for row in plain)]
        path.write_text("".join(between.join(line) + "\n" for line in lines))
    elif format == "json":
        path.write_text(json.dumps(plain))
    elif format == "arrow":
        write_table(path, pa.Table.from_pylist(rows))
    else:
        write_parquet(pa.Table.from_pylist(plain), path)
    gold = "answer" if format == "arrow" else None
    given = read_given_runs({"a": [first], "b": [path]}, "exact_match", Fields(gold=gold))
    assert given.statistics["a"].tolist() == given.statistics["b"].tolist()


def test_labels_of_all_files_are_counted_together(read):
    rows = [{"id": i, "prediction": p, "label": g} for i, (p, g) in enumerate(["ab", "bb", "aa"])]
    other = [row | {"prediction": "c"} for row in rows]
    given = read(rows, other, "macro_f1")
    assert given.statistics["a"].shape == given.statistics["b"].shape == (3, 1, 9)


def test_scores_of_examples_need_no_metric(read):
    rows = [{"id": 1, "score": 0.25}, {"id": 2, "score": True}]
    given = read(rows, [{"id": 2, "score": "1e-1"}, {"id": 1, "score": 0}], None)
    assert given.statistics["a"].tolist() == [[[0.25]], [[1.0]]]
    assert given.statistics["b"].tolist() == [[[0.0]], [[0.1]]]
    assert (given.signature, given.points) == ("mean", False)


def test_scores_beyond_one_are_points(read):
    given = read([{"id": 1, "score": 50}], [{"id": 1, "score": 0.5}], None)
    assert given.points
    assert [some.item() for some in given.statistics.values()] == [0.5, 0.005]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*ROWS, ROWS[0]], r"b\.jsonl, line 4: the example 'q1' is in .*b\.jsonl, line 1, too"),
        (changed(1, id="q9"), r"b\.jsonl, line 2: the example 'q9' is not in .*a\.jsonl"),
        (ROWS[:2], r"b\.jsonl lacks 1 example of .*a\.jsonl, as '3' of .*a\.jsonl, line 3"),
        (ROWS[:1], r"b\.jsonl lacks 2 examples of .*, as 'q2'"),
        (changed(1, answers=["Oslo"]), r"line 2: the gold of 'q2' is 'Oslo', in .*line 2 'Bern'"),
        (changed(2, id=""), r"line 3: the field 'id' is empty"),
        ([{"id": "q1", "answers": ["x"]}], r"line 1: the field 'prediction' is missing among"),
        ([{"id": "q1", "prediction": "x"}], r"line 1: no gold in 'answers' or .* among 'id'"),
        (changed(0, answers=[]), r"line 1: the field 'answers' is not a list of at least one"),
        ([{"prediction": "x"}], r"line 1: the field 'id' is missing among 'prediction'"),
        ([], r"b\.jsonl: it has no rows"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(read, rows, said):
    with pytest.raises(ArtefactError, match=said):
        read(ROWS, rows)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1, "score": "high"}, "holds no finite number: 'high'"),
        ({"id": 1, "score": float("nan")}, "holds no finite number: nan"),
        ({"id": 1, "score": int("9" * 400)}, r"holds no finite number: 9{40}…"),
        ({"id": 1, "score": 1e300}, r"holds a number beyond 1e\+09: 1e\+300"),
        ({"id": 1, "score": [1]}, r"holds no finite number: \[1\]"),
        ({"id": 1, "prediction": "x"}, "'score' is missing among .* say which --metric"),
    ],
)
def test_a_score_that_is_none_is_named(read, row, said):
    with pytest.raises(ArtefactError, match=rf"b\.jsonl, line 1: .*{said}"):
        read([{"id": 1, "score": 1}], [row], None)


def test_a_column_of_clusters_must_be_there(read):
    with pytest.raises(ArtefactError, match=r"a\.jsonl, line 1: .*'page' is missing"):
        read(ROWS, ROWS, cluster="page")


def test_clusters_are_said_once_or_alike(read):
    without = [{key: row[key] for key in row if key != "country"} for row in ROWS]
    assert read(ROWS, without, cluster="country").clusters.tolist() == [0, 1, 1]
    with pytest.raises(
        ArtefactError, match=r"b\.jsonl, line 2: the cluster of 'q2' is 'at', in .*line 2 'ch'"
    ):
        read(ROWS, changed(1, country="at"), cluster="country")


def test_a_file_must_be_there_and_of_a_known_kind(tmp_path):
    for name, said in (("no.jsonl", "there is no such file"), ("x.txt", "ends in none of")):
        path = tmp_path / name
        if name == "x.txt":
            path.write_text("")
        with pytest.raises(ArtefactError, match=said):
            read_given_runs({"a": [path]}, None, Fields())


def test_a_stream_is_read_and_what_is_no_arrow_is_said_to_be(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table({"id": ["q1", "q2"], "score": [0.5, 1.0]})
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)
    given = read_given_runs({"a": [path]}, None, Fields())
    assert given.statistics["a"].tolist() == [[[0.5]], [[1.0]]]
    for content, said in ((b"FEA1 and more", "no whole Arrow file or stream"), (b"", "no rows")):
        path.write_bytes(content)
        with pytest.raises(ArtefactError, match=rf"a\.arrow.*{said}") as raised:
            read_given_runs({"a": [path]}, None, Fields())
        assert "rerun" not in str(raised.value)


@pytest.mark.parametrize(
    ("metric", "said"),
    [("choice_accuracy", "likelihoods of choices"), ("binary_f1", "labels 0 and 1, not 'paris'")],
)
def test_a_metric_that_can_not_score_the_files_is_refused(read, metric, said):
    rows = [row | {"answers": row["answers"][:1]} for row in ROWS]
    with pytest.raises(InputError, match=rf"--metric {metric}.*{said}"):
        read(rows, rows, metric)


def test_predictions_of_a_study_are_read(tmp_path):
    from maskpolicy.evaluation.predictions import PredictedRun, Predictions

    run = PredictedRun(model="m", policy="ssm", task="qa", pretraining_seed=0, seed=0)
    Predictions(["q1", "q2"], ["a", "b"], [["a"], ["a", "b"]]).write(tmp_path / "p.arrow", run)
    given = read_given_runs({"a": [tmp_path / "p.arrow"]}, "exact_match", Fields())
    assert np.array_equal(given.statistics["a"], [[[1.0]], [[1.0]]])


def scored(*scores):
    return [{"id": i, "score": score} for i, score in enumerate(scores)]


def test_scores_in_points_stand_beside_no_shares_of_one(read):
    with pytest.raises(
        ArtefactError, match=r"a.jsonl: no score is beyond 1, but in .*b.jsonl some"
    ):
        read(scored(0.5, 1), scored(50, 100), metric=None)
    # All examples may be wrong, and losses of one run below 1.
    assert read(scored(0, 0), scored(50, 100), metric=None).points
    assert read(scored(0.5, 0.9), scored(1.1, 2), metric=None).points
    # Log-likelihoods have no such scale.
    assert read(scored(-0.5, -0.9), scored(-97, -2), metric=None).points


def test_a_field_of_ids_that_is_not_there_is_asked_for_by_its_option(read):
    rows = [{"name": "q1", "prediction": "a", "answers": ["b"]}]
    with pytest.raises(
        ArtefactError, match=r"line 1: the field 'id' is missing among 'name', .*\(--id-field\)"
    ):
        read(rows, rows)
    assert read(rows, rows, id="name").statistics["a"].shape == (1, 1, 1)
