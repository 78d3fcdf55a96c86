import json

import pytest

from maskpolicy.artefacts import ArtefactError, read_table
from maskpolicy.evaluation.runs import ExampleScores, Run, mean_scores, score_predictions


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
    assert mean_scores(scored) == {"exact_match": 1 / 3}


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 ids, 1 predictions, 2 answers"):
        score_predictions(["a", "b"], ["x"], [["x"]] * 2, ["exact_match"])


def test_example_scores_come_in_the_order_of_ids(make_run):
    path = make_run(ids=["q9", "q1"], predictions=["Paris", "Rome"])
    scores = ExampleScores.read(path, Run.read(path))
    assert scores.ids.to_pylist() == ["q1", "q9"]
    assert scores.scores["exact_match"].to_pylist() == [0.0, 1.0]


def test_damage_is_named(make_run):
    path = make_run()
    run = Run.read(path)
    other = make_run(predictions=["Rome", "Rome"], folder="other")
    predictions = path.with_name("predictions.arrow")
    predictions.write_bytes(other.with_name("predictions.arrow").read_bytes())
    with pytest.raises(ArtefactError, match=r"predictions\.arrow is not what .*metrics\.json was"):
        ExampleScores.read(path, run)
    predictions.write_bytes(predictions.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"predictions\.arrow is damaged"):
        ExampleScores.read(path, run)
    path.write_text(json.dumps(run.model_dump() | {"seed": "zero"}))
    with pytest.raises(ArtefactError, match=r"metrics\.json: seed:"):
        Run.read(path)
    path.write_text(path.read_text()[:20])
    with pytest.raises(ArtefactError, match=r"metrics\.json is not valid JSON"):
        Run.read(path)


def test_repeated_ids_are_refused(make_run):
    path = make_run(ids=["q0", "q0"])
    with pytest.raises(ArtefactError, match="more than once"):
        ExampleScores.read(path, Run.read(path))
