import json

import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.runs import ExampleStatistics, Run, score_predictions


def test_a_run_is_read_back_as_written(make_run):
    path = make_run(predictions=["paris", ""], metrics=["exact_match", "token_f1"], dev={"x": 0.25})
    run = Run.read(path)
    assert run.metrics == {"exact_match": 0.5, "token_f1": 0.5}
    assert (run.policy, run.task, run.seed, run.split, run.examples) == ("ssm", "qa", 0, "test", 2)
    assert run.dev == {"x": 0.25}
    assert run.signatures["token_f1"] == "token_f1|norm:dpr|answers:max|version:1"
    predictions = read_table(path.with_name("predictions.arrow"))
    assert predictions.column_names == ["id", "prediction", "answers", "score"]
    assert predictions.to_pylist()[0] == {
        "id": "q0",
        "prediction": "paris",
        "answers": ["Paris"],
        "score": {"exact_match": 1.0, "token_f1": 1.0},
    }


def test_the_mean_counts_every_example():
    scored = score_predictions(["a", "b", "c"], ["x", "", "y"], [["x"]] * 3, ["exact_match"])
    assert scored.metrics == {"exact_match": 1 / 3}


def test_metrics_of_the_split_have_no_scores_of_examples(make_run):
    labels = {"predictions": ["1", "0"], "answers": [["1"], ["1"]]}
    path = make_run(**labels, metrics=["mcc", "accuracy"])
    assert Run.read(path).metrics == {"mcc": 0.0, "accuracy": 0.5}
    table = read_table(path.with_name("predictions.arrow"))
    assert table.column("score").to_pylist() == [{"accuracy": 1.0}, {"accuracy": 0.0}]
    path = make_run(**labels, metrics=["binary_f1"])
    table = read_table(path.with_name("predictions.arrow"))
    assert table.column("score").to_pylist() == [{}, {}]
    assert ExampleStatistics.read(path, Run.read(path)).statistics.keys() == {"binary_f1"}


def test_correlations_may_be_negative(make_run):
    numbers = {"predictions": ["1.5", "1", "0"], "answers": [["0"], ["1"], ["4"]]}
    path = make_run(ids=["q0", "q1", "q2"], **numbers, metrics=["spearman"])
    assert Run.read(path).metrics == {"spearman": pytest.approx(-1)}


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="no examples"):
        score_predictions([], [], [], ["exact_match"])


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 ids, 1 predictions, 2 answers"):
        score_predictions(["a", "b"], ["x"], [["x"]] * 2, ["exact_match"])


def test_example_statistics_come_in_the_order_of_ids(make_run):
    path = make_run(ids=["q9", "q1"], predictions=["Paris", "Rome"])
    examples = ExampleStatistics.read(path, Run.read(path))
    assert examples.ids.to_pylist() == ["q1", "q9"]
    assert examples.statistics["exact_match"].tolist() == [[0.0], [1.0]]


def test_damage_is_named(make_run):
    path = make_run()
    run = Run.read(path)
    other = make_run(predictions=["Rome", "Rome"], folder="other")
    predictions = path.with_name("predictions.arrow")
    predictions.write_bytes(other.with_name("predictions.arrow").read_bytes())
    with pytest.raises(ArtefactError, match=r"predictions\.arrow is not what .*metrics\.json was"):
        ExampleStatistics.read(path, run)
    predictions.write_bytes(predictions.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"predictions\.arrow is damaged"):
        ExampleStatistics.read(path, run)
    path.write_text(json.dumps(run.model_dump() | {"seed": "zero"}))
    with pytest.raises(ArtefactError, match=r"metrics\.json: seed:"):
        Run.read(path)
    path.write_text(path.read_text()[:20])
    with pytest.raises(ArtefactError, match=r"metrics\.json is not valid JSON"):
        Run.read(path)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return Run.read(path)


def test_scores_that_the_predictions_do_not_give_are_refused(make_run):
    path = make_run(predictions=["a", "b"], answers=[["a"], ["b"]], metrics=["macro_f1"])
    with pytest.raises(ArtefactError, match=r"metrics\.json: macro_f1 is 0\.9, but .* 1\.0"):
        ExampleStatistics.read(path, change(path, metrics={"macro_f1": 0.9}))
    for metric, problem in (
        ("accuracy", "accuracy"),  # not among the scores of the examples
        ("bleu", "unknown metric 'bleu'"),
        ("pearson", "answers that are numbers, not 'a'"),
    ):
        run = change(path, metrics={metric: 1.0}, signatures={metric: ""})
        with pytest.raises(ArtefactError, match=f"can't give {metric} of .*json: .*{problem}"):
            ExampleStatistics.read(path, run)


def test_metrics_without_signatures_are_refused(make_run):
    path = make_run()
    with pytest.raises(ArtefactError, match=r"metrics\.json: .*`signatures` and `metrics`"):
        change(path, signatures={})


def test_repeated_ids_are_refused(make_run):
    path = make_run(ids=["q0", "q0"])
    with pytest.raises(ArtefactError, match="more than once"):
        ExampleStatistics.read(path, Run.read(path))
