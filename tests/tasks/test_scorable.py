"""Metrics that can't score a task's own answers are found out before anything is trained."""

import pytest

from maskpolicy.artefacts import read_json, write_json
from maskpolicy.errors import InputError
from maskpolicy.sources.base import SPLITS, ClassificationExample, Example
from maskpolicy.tasks.classification import write_classification_examples
from maskpolicy.tasks.scorable import check_metrics
from maskpolicy.tasks.seq2seq import write_examples


@pytest.fixture
def check(tmp_path):
    """Check metrics on a task whose splits all have these answers or labels; returns the counts."""

    def check(answers, metrics, kind="seq2seq", choices=(), **of_split):
        for split in SPLITS:
            path, some = tmp_path / f"{split}.arrow", of_split.get(split, answers)
            if kind == "seq2seq":
                examples = [
                    Example(f"{i}", "", "q", a[0], tuple(a), choices=choices)
                    for i, a in enumerate(some)
                ]
                write_examples(path, examples)
            else:
                rows = [ClassificationExample(f"{i}", "t", None, a) for i, a in enumerate(some)]
                write_classification_examples(path, rows)
        write_json(tmp_path / "manifest.json", {"kind": kind})
        check_metrics(tmp_path, "mine", metrics, tmp_path / "out.json")
        record = read_json(tmp_path / "out.json")
        assert record["task"] == "mine"
        return {(c["split"], c["metric"]): (c["scored"], c["answers"]) for c in record["checked"]}

    return check


@pytest.mark.parametrize("answer", ["北京", "Москва", "القاهرة", "🙂"])
def test_rouge_refuses_what_has_no_word_for_it(check, answer):
    message = rf"^tasks\.mine\.metrics: rouge1 can't score 2 of 2 answers of test, as '{answer}': "
    with pytest.raises(InputError, match=message):
        check([[answer], [answer, "Paris"]], ["exact_match", "rouge1"])
    assert check([[answer]], ["exact_match", "token_f1"])["test", "token_f1"] == (1, 1)


def test_answers_that_can_be_scored_in_part_are_counted_aloud(check, capsys):
    counts = check([["red cedar"], ["Москва"], ["lion"]], ["rouge1", "rouge2"])
    assert counts == {
        ("dev", "rouge1"): (2, 3),
        ("test", "rouge1"): (2, 3),
        ("test", "rouge2"): (1, 3),  # one word has no pairs
    }
    dev, *test = capsys.readouterr().err.splitlines()
    assert dev.startswith("tasks.mine.metrics: rouge1 can't score 1 of 3 answers of dev, as 'Мос")
    assert [line.partition(", as")[0].rpartition(" can't ")[2] for line in test] == [
        "score 1 of 3 answers of test",
        "score 2 of 3 answers of test",
    ]


@pytest.mark.parametrize(
    ("labels", "metric", "problem"),
    [
        (["good", "bad"], "binary_f1", "the labels 0 and 1, not 'good'"),
        (["0", "0"], "binary_f1", "2 of 2 answers of test, as '0'"),  # nothing is positive
        (["a", "a"], "mcc", "2 of 2 answers of test, as 'a'"),
        (["five", "1"], "pearson", "answers that are numbers, not 'five'"),
        (["1.5", "1.5"], "spearman", "2 of 2 answers of test, as '1.5'"),
    ],
)
def test_labels_that_a_metric_is_undefined_of_are_refused(check, labels, metric, problem):
    with pytest.raises(
        InputError, match=rf"^tasks\.mine\.metrics: {metric} can't score .*{problem}"
    ):
        check(labels, ["accuracy", metric], "classification")


def test_without_choices_there_is_none_to_be_likeliest(check):
    message = r"choice_accuracy can't score 2 of 2 examples of dev, as '0': they have no choices"
    with pytest.raises(InputError, match=message):
        check([["a"], ["b"]], ["choice_accuracy"])
    counts = check([["a"], ["b"]], ["exact_match", "choice_accuracy"], choices=("a", "b"))
    assert counts["test", "choice_accuracy"] == (2, 2)


def test_only_the_metric_that_chooses_must_score_dev(check):
    labels = {"answers": ["0", "1"], "kind": "classification", "dev": ["1", "1"]}
    assert check(metrics=["accuracy", "mcc"], **labels)["test", "mcc"] == (2, 2)
    with pytest.raises(InputError, match="mcc can't score 2 of 2 answers of dev, as '1'"):
        check(metrics=["mcc", "accuracy"], **labels)
