"""The reference of tables: what the commonest answer of train scores on test."""

import pytest

from maskpolicy.artefacts import write_json
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources.base import ClassificationExample, Example
from maskpolicy.tasks.classification import write_classification_examples
from maskpolicy.tasks.facts import Drift
from maskpolicy.tasks.majority import Majority, score_majority
from maskpolicy.tasks.seq2seq import write_examples


@pytest.fixture
def score(tmp_path):
    def score(metrics):
        score_majority(tmp_path, "own", metrics, tmp_path / "majority.json")
        return Majority.read(tmp_path / "majority.json")

    return score


def questions(*answers):
    return [Example(f"q{i}", "", "?", some[0], tuple(some)) for i, some in enumerate(answers)]


def test_of_answers_it_is_the_commonest_target_of_train(score, tmp_path):
    write_json(tmp_path / "manifest.json", {"kind": "seq2seq"})
    train = questions(["Oslo", "Rome"], ["Rome"], ["Oslo"], ["Bern"])
    write_examples(tmp_path / "train.arrow", train)
    # Any acceptable answer counts, as it does for a model.
    write_examples(tmp_path / "dev.arrow", train)
    write_examples(tmp_path / "test.arrow", questions(["Rome", "oslo"], ["Bern"], ["Oslo fjord"]))
    majority = score(["exact_match", "token_f1"])
    assert (majority.task, majority.answer, majority.share) == ("own", "Oslo", 0.5)
    assert majority.metrics["exact_match"] == pytest.approx(1 / 3)
    assert majority.metrics["token_f1"] == pytest.approx((1 + 2 / 3) / 3)


def test_it_is_chosen_too_and_keeps_what_is_said_of_the_splits(score, tmp_path):
    drift = {"dev": {"examples": 2, "expected": 2000}}
    repeats = {"repeated": 3, "shared": {"dev": 2, "test": 1}}
    facts = {"kind": "seq2seq", "dev_as_test": True, "drift": drift, "repeats": repeats}
    write_json(tmp_path / "manifest.json", facts)
    for split in ("train", "dev", "test"):
        write_examples(tmp_path / f"{split}.arrow", questions(["yes"], ["yes"], ["no"]))
    majority = score(["choice_accuracy"])
    assert majority.metrics == {"choice_accuracy": pytest.approx(2 / 3)}
    assert majority.dev_as_test
    assert majority.drift == {"dev": Drift(examples=2, expected=2000)}
    assert majority.shared == 1


def test_of_choices_that_differ_it_is_the_commonest_position(score, tmp_path):
    """Which is no answer: of QuaRTz, hardly any stands twice."""

    def question(i, right, *choices):
        return Example(f"q{i}", "", "?", right, (right,), choices=choices)

    write_json(tmp_path / "manifest.json", {"kind": "seq2seq"})
    train = [question(0, "b", "a", "b"), question(1, "d", "c", "d"), question(2, "e", "e", "f")]
    test = [question(0, "h", "g", "h"), question(1, "i", "i", "j"), question(2, "b", "b", "k")]
    write_examples(tmp_path / "train.arrow", train)
    write_examples(tmp_path / "dev.arrow", train)
    write_examples(tmp_path / "test.arrow", test)
    majority = score(["choice_accuracy", "exact_match"])
    assert (majority.answer, majority.position) == ("b", 2)
    # Of the first test question it chooses h, of the second j, and of the last b, as it is there.
    assert majority.metrics == {
        "choice_accuracy": pytest.approx(2 / 3),
        "exact_match": pytest.approx(1 / 3),
    }


def labelled(*labels):
    return [ClassificationExample(f"e{i}", "text", None, label) for i, label in enumerate(labels)]


def test_of_labels_it_is_the_commonest_and_of_equals_the_first(score, tmp_path):
    write_json(tmp_path / "manifest.json", {"kind": "classification", "regression": False})
    write_classification_examples(tmp_path / "train.arrow", labelled("pos", "neg", "neg", "pos"))
    write_classification_examples(tmp_path / "dev.arrow", labelled("pos", "neg"))
    write_classification_examples(tmp_path / "test.arrow", labelled("pos", "neg", "neg", "neg"))
    majority = score(["accuracy", "macro_f1", "mcc"])
    assert (majority.answer, majority.share) == ("neg", 0.5)
    # F1 of neg is 2 * .75 / 1.75, of pos 0.
    assert majority.metrics == {
        "accuracy": 0.75,
        "macro_f1": pytest.approx(0.75 / 1.75),
        "mcc": 0.0,
    }


def test_a_constant_does_not_correlate(score, tmp_path):
    write_json(tmp_path / "manifest.json", {"kind": "classification", "regression": True})
    for split in ("train", "dev", "test"):
        write_classification_examples(tmp_path / f"{split}.arrow", labelled("1.5", "2", "2", "4"))
    assert score(["pearson", "spearman"]).metrics == {"pearson": 0.0, "spearman": 0.0}


def test_a_task_that_is_not_there_is_named(score):
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        score(["accuracy"])


def test_labels_that_a_metric_can_not_score_are_told(score, tmp_path):
    write_json(tmp_path / "manifest.json", {"kind": "classification", "regression": False})
    for split in ("train", "dev", "test"):
        write_classification_examples(tmp_path / f"{split}.arrow", labelled("yes", "no"))
    with pytest.raises(InputError, match=r"^tasks\.own: the commonest answer can't be scored: "):
        score(["binary_f1"])
