import subprocess
import sys

import pytest
from rouge_score.rouge_scorer import RougeScorer

from maskpolicy.evaluation.metrics.registry import METRICS, describe_metrics, find_metric


@pytest.mark.parametrize(
    ("metric", "prediction", "answers", "expected"),
    [
        ("exact_match", "the Eiffel Tower.", ["Eiffel tower"], 1.0),
        ("exact_match", "Tower", ["Eiffel tower"], 0.0),
        ("exact_match", "two", ["2", "Two"], 1.0),  # the best of the answers
        ("exact_match", " \n", ["x"], 0.0),
        # As compute_exact and compute_f1 of SQuAD 2.0: what has no words is like what has none.
        ("exact_match", "", ["The"], 1.0),
        ("exact_match", "an", ["The"], 1.0),
        ("token_f1", "", ["The"], 1.0),
        ("token_f1", "the", ["a"], 1.0),
        ("token_f1", "", ["The Beatles"], 0.0),
        ("token_f1", "Beatles", ["The"], 0.0),
        ("exact_match", "!!!", ["!!!"], 1.0),
        # 2 common words of 3 predicted and 4 expected: P 2/3, R 1/2, F1 4/7.
        ("token_f1", "red blue green", ["red blue white black"], 4 / 7),
        ("token_f1", "red red", ["red"], 2 / 3),  # multisets
        ("token_f1", "blue", ["red", "blue sky"], 2 / 3),
        ("accuracy", "MORE", ["more"], 1.0),
        ("accuracy", "more.", ["more"], 0.0),
        # unigrams: 2 of 3 common; bigrams: 1 of 2.
        ("rouge1", "the cat sat", ["the cat ran"], 2 / 3),
        ("rouge2", "the cat sat", ["the cat ran"], 1 / 2),
        ("rouge1", "running", ["runs"], 1.0),  # Porter stems
        ("rouge1", "", ["runs"], 0.0),
    ],
)
def test_scores(metric, prediction, answers, expected):
    assert find_metric(metric).score_example(prediction, answers) == pytest.approx(expected)


def test_rouge_l_is_of_whole_summaries():
    # Both sentences occur, in the other order: the union of LCS over lines finds everything, where
    # one LCS over the whole text finds half.
    score = find_metric("rougeLsum").score_example
    assert score("c d\na b", ["a b\nc d"]) == pytest.approx(1.0)
    assert score("c d a b", ["a b c d"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("prediction", "summary", "expected"),
    [
        # Lin (2004), section 3.2: the union of the LCS of both sentences is w1 w2 w3 w5, so recall
        # is 4/5, and of ten predicted words precision 4/10.
        ("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5", 8 / 15),
        # By sentences of the summary: 2 of 2, and 1 of 3; a word counts once, so 3 of 4 predicted.
        ("a b\nc d", "a b\nc e f", 2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4)),
        # Both sentences share w1, which was predicted once.
        ("w1 x", "w1 y\nw1 z", 1 / 3),
        ("A ferry sank.\n\nForty were saved!", "a FERRY sank\nforty were saving", 1.0),
    ],
)
def test_rouge_l_sum_is_that_of_rouge_score(prediction, summary, expected):
    theirs = RougeScorer(["rougeLsum"], use_stemmer=True).score(summary, prediction)
    ours = find_metric("rougeLsum").score_example(prediction, [summary])
    assert ours == theirs["rougeLsum"].fmeasure == pytest.approx(expected)


def test_the_score_of_a_split_is_the_mean_over_all_examples():
    metric = find_metric("exact_match")
    statistics = metric.statistics(["x", "", "y"], [["x"], ["x"], ["z", "Y"]])
    assert statistics.tolist() == [[1], [0], [1]]
    assert metric.score(statistics.mean(axis=0)) == pytest.approx(2 / 3)


def test_signatures_tell_metrics_apart():
    assert find_metric("exact_match").signature == (
        "exact_match|norm:dpr|empty:squad2.0|answers:max|version:1"
    )
    assert find_metric("rouge1").signature.endswith("|rouge-score:0.1.2")
    assert find_metric("mcc").signature == "mcc|norm:case+space|labels:of-task|version:1"
    assert len({find_metric(name).signature for name in METRICS}) == len(METRICS)


def test_a_metric_has_the_name_that_finds_it():
    assert {name: find_metric(name).name for name in METRICS} == {name: name for name in METRICS}


def test_every_metric_is_described():
    rows = {name: row for name, *row in describe_metrics()}
    assert list(rows) == list(METRICS)
    assert rows["rouge2"] == [
        "answers",
        "R2: pairs of words shared (f1|stem:porter)",
        "Lin 2004",
    ]
    assert all(citation for _, _, citation in rows.values())


def test_naming_metrics_imports_none():
    code = (
        "import sys; import maskpolicy.evaluation.specs;"
        "print(*(m for m in ('numpy', 'scipy', 'rouge_score') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="unknown metric 'bleu'; known: exact_match"):
        find_metric("bleu")
    with pytest.raises(ValueError, match="without acceptable answers"):
        find_metric("accuracy").score_example("x", [])
