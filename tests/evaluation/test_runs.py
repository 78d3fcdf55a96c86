import json

import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.predictions import Predictions
from maskpolicy.evaluation.runs import ExampleStatistics, Run
from maskpolicy.evaluation.scoring import score_runs


def test_a_run_is_read_back_as_written(make_run):
    dev = Predictions(["d"], ["Bern in Paris"], [["Bern"]])
    path = make_run(predictions=["paris", ""], metrics=["exact_match", "token_f1"], dev=dev)
    run = Run.read(path)
    assert run.metrics == {"exact_match": 0.5, "token_f1": 0.5}
    assert (run.policy, run.task, run.seed, run.split, run.examples) == ("ssm", "qa", 0, "test", 2)
    assert run.dev == {"exact_match": 0.0, "token_f1": 0.5}
    assert run.signatures["token_f1"] == "token_f1|norm:dpr|empty:squad2.0|answers:max|version:1"
    predictions = read_table(path.with_name("predictions.arrow"))
    assert predictions.to_pylist()[0] == {"id": "q0", "prediction": "paris", "answers": ["Paris"]}
    statistics = read_table(path.with_name("statistics.arrow"))
    assert statistics.to_pylist() == [
        {"id": "q0", "exact_match": [1.0], "token_f1": [1.0]},
        {"id": "q1", "exact_match": [0.0], "token_f1": [0.0]},
    ]


def test_predictions_are_scored_anew_and_alone(make_run):
    path = make_run(predictions=["Paris", "in Bern"])
    folder = path.parent
    kept = ("predictions.arrow", "dev-predictions.arrow", "manifest.json")
    before = {name: (folder / name).read_bytes() for name in kept}
    first = path.read_bytes()
    score_runs([folder / "manifest.json"], ["exact_match", "token_f1"])
    assert Run.read(path).metrics == {"exact_match": 0.5, "token_f1": pytest.approx(5 / 6)}
    assert {name: (folder / name).read_bytes() for name in kept} == before
    score_runs([folder / "manifest.json"], ["exact_match"])
    assert path.read_bytes() == first


def test_labels_that_a_run_does_not_predict_have_their_numbers_too(make_run):
    """Runs of the same examples can be compared only if they are counted alike."""
    task = {"answers": [["a"], ["b"]], "metrics": ["mcc"], "labels": ["a", "b", "c"]}
    for predictions in (["a", "b"], ["c", "c"]):
        path = make_run(predictions=predictions, **task)
        statistics = ExampleStatistics.read(path, Run.read(path)).statistics["mcc"]
        assert statistics.shape == (2, 9)


def test_answers_that_a_metric_can_not_score_are_named_with_their_file(make_run):
    with pytest.raises(ArtefactError, match=r"predictions\.arrow can't be scored: .*not 'paris'"):
        make_run(metrics=["binary_f1"])


def test_the_mean_counts_every_example():
    scored = Predictions(["a", "b", "c"], ["x", "", "y"], [["x"]] * 3)
    assert ExampleStatistics.of(scored, ["exact_match"]).scores == {"exact_match": 1 / 3}


def test_metrics_of_either_kind_are_read_back(make_run):
    labels = {"predictions": ["1", "0"], "answers": [["1"], ["1"]], "labels": ["0", "1"]}
    path = make_run(**labels, metrics=["mcc", "accuracy"])
    assert Run.read(path).metrics == {"mcc": 0.0, "accuracy": 0.5}
    statistics = ExampleStatistics.read(path, Run.read(path)).statistics
    assert statistics["accuracy"].tolist() == [[1], [0]]
    # Of the labels 0 and 1: true positives, predicted, gold.
    assert statistics["mcc"].tolist() == [[0, 1, 0, 1, 0, 1], [0, 0, 1, 0, 0, 1]]


def test_correlations_may_be_negative(make_run):
    numbers = {"predictions": ["1.5", "1", "0"], "answers": [["0"], ["1"], ["4"]]}
    path = make_run(ids=["q0", "q1", "q2"], **numbers, metrics=["spearman"])
    assert Run.read(path).metrics == {"spearman": pytest.approx(-1)}


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="no examples"):
        Predictions([], [], [])


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 ids, 1 predictions, 2 answers"):
        Predictions(["a", "b"], ["x"], [["x"]] * 2)


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
        score_runs([path.with_name("manifest.json")], ["exact_match"])
    statistics = other.with_name("statistics.arrow")
    statistics.write_bytes(statistics.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"statistics\.arrow is damaged"):
        ExampleStatistics.read(other, Run.read(other))
    path.write_text(json.dumps(run.model_dump() | {"seed": "zero"}))
    with pytest.raises(ArtefactError, match=r"metrics\.json: seed:"):
        Run.read(path)
    path.write_text(path.read_text()[:20])
    with pytest.raises(ArtefactError, match=r"metrics\.json is not valid JSON"):
        Run.read(path)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return Run.read(path)


def test_scores_that_the_statistics_do_not_give_are_refused(make_run):
    path = make_run(predictions=["a", "b"], answers=[["a"], ["b"]], metrics=["macro_f1"])
    with pytest.raises(ArtefactError, match=r"metrics\.json: macro_f1 is 0\.9, but .* 1\.0"):
        ExampleStatistics.read(path, change(path, metrics={"macro_f1": 0.9}))
    run = change(path, metrics={"accuracy": 1.0}, signatures={"accuracy": ""})
    with pytest.raises(ArtefactError, match=r"statistics\.arrow is not of .*accuracy"):
        ExampleStatistics.read(path, run)


def test_metrics_without_signatures_are_refused(make_run):
    path = make_run()
    with pytest.raises(ArtefactError, match=r"metrics\.json: .*`signatures` and `metrics`"):
        change(path, signatures={})


def test_repeated_ids_are_refused(make_run):
    path = make_run(ids=["q0", "q0"])
    with pytest.raises(ArtefactError, match="more than once"):
        ExampleStatistics.read(path, Run.read(path))
