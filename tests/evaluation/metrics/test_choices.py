"""Multiple choice by likelihood: the likeliest, as it is or by its length; no choices, no score."""

import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.registry import find_metric, metrics_of
from maskpolicy.evaluation.predictions import (
    MANIFEST,
    PredictedRun,
    Predictions,
    vouch_for,
    write_predictions,
)
from maskpolicy.evaluation.runs import ExampleStatistics
from maskpolicy.evaluation.scoring import score_runs

CHOICES = [
    {"yes": -1.0, "not at all": -2.0},  # by its length the second is likelier
    {"more": -3.0, "less": -3.0},  # of equals the first
    {"up": -0.1, "down": -9.0},
]
ANSWERS = [["yes"], ["less"], ["down", "up"]]


def predictions(choices=CHOICES):
    return Predictions(["a", "b", "c"], ["not at all", "less", "no"], ANSWERS, choices)


def test_the_likeliest_choice_is_scored_and_not_what_is_generated():
    metrics = ["choice_accuracy", "choice_accuracy_norm", "exact_match"]
    scored = ExampleStatistics.of(predictions(), metrics)
    assert {name: rows[:, 0].tolist() for name, rows in scored.statistics.items()} == {
        "choice_accuracy": [1, 0, 1],
        "choice_accuracy_norm": [0, 0, 1],
        "exact_match": [0, 1, 0],
    }


def test_they_are_metrics_of_choices():
    assert metrics_of("choices") == ["choice_accuracy", "choice_accuracy_norm"]


@pytest.mark.parametrize("choices", [[], [{"yes": -1.0}, {}, {"up": 0.0}]])
def test_examples_without_choices_have_no_such_score(choices):
    with pytest.raises(ValueError, match="choice_accuracy needs examples with choices"):
        ExampleStatistics.of(predictions(choices), ["choice_accuracy"])


def test_choices_are_kept_with_the_predictions(tmp_path):
    run = PredictedRun(model="m", policy="p", task="t", pretraining_seed=0, seed=0)
    predictions().write(tmp_path / "some.arrow", run)
    assert Predictions.read(tmp_path / "some.arrow") == predictions()
    predictions([]).write(tmp_path / "none.arrow", run)
    assert read_table(tmp_path / "none.arrow").column_names == ["id", "prediction", "answers"]
    with pytest.raises(ValueError, match="3 ids, choices of 1"):
        predictions(CHOICES[:1])


def test_how_predictions_are_decoded_is_no_part_of_their_signature(tmp_path):
    run = PredictedRun(
        model="m", policy="p", task="t", pretraining_seed=0, seed=0, decoding="beams:4"
    )
    write_predictions(tmp_path, run, {"dev": predictions(), "test": predictions()})
    vouch_for(tmp_path, run)
    score_runs([tmp_path / MANIFEST], ["choice_accuracy", "exact_match"])
    record = read_json(tmp_path / "metrics.json")
    assert record["metrics"] == {"choice_accuracy": 2 / 3, "exact_match": 1 / 3}
    assert record["signatures"]["exact_match"].endswith("|beams:4")
    assert record["signatures"]["choice_accuracy"] == (
        "choice_accuracy|choice:log-likelihood|tokens:choice+eos|answers:max|version:1"
    )
    norm = find_metric("choice_accuracy_norm").signature
    assert norm.startswith("choice_accuracy_norm|choice:log-likelihood/characters|")
    write_predictions(tmp_path, run, {"dev": predictions([]), "test": predictions()})
    vouch_for(tmp_path, run)
    with pytest.raises(ArtefactError, match=r"dev-predictions\.arrow can't be scored: choice_acc"):
        score_runs([tmp_path / MANIFEST], ["choice_accuracy"])
