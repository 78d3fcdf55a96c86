from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, matthews_corrcoef

from maskpolicy.evaluation.metrics.registry import find_metric


def score(metric, predictions, answers):
    """The score of a split, of one answer an example."""
    statistics = find_metric(metric).statistics(predictions, [[answer] for answer in answers])
    assert statistics.shape[0] == len(answers)
    return float(find_metric(metric).score(statistics.mean(axis=0)))


ANSWERS = "aaabbc"
PREDICTIONS = "aabbcc"  # true positives: a 2, b 1, c 1; predicted: 2 each; gold: 3, 2, 1


@pytest.mark.parametrize(
    ("metric", "predictions", "answers", "expected"),
    [
        # 2 * true / (predicted + gold) is 4/5, 2/4 and 2/3.
        ("macro_f1", PREDICTIONS, ANSWERS, (4 / 5 + 2 / 4 + 2 / 3) / 3),
        # true * n - sum(predicted * gold) = 24 - 12; n² - sum(predicted²) = 36 - 12; 36 - 14.
        ("mcc", PREDICTIONS, ANSWERS, 12 / sqrt(24 * 22)),
        ("mcc", "0110", "1001", -1.0),
        ("mcc", "aab", "aab", 1.0),
        # 2 true positives, 3 predicted, 4 gold.
        ("binary_f1", "111000", "110110", 4 / 7),
        ("macro_f1", [" Very  GOOD", "bad"], ["very good", "Bad"], 1.0),  # as labels are compared
        # What is no label takes from the recall of b and is no label to average over.
        ("macro_f1", ["a", "", "x"], ["a", "b", "b"], 1 / 2),
        ("macro_f1", ["a", "b", "x"], ["a", "b", "b"], (1 + 2 / 3) / 2),
        # Four labels, two of which are predicted only: 1 * 3 - 1; 9 - (1 + 1 + 1); 9 - (1 + 4).
        ("mcc", ["a", "", "x"], ["a", "b", "b"], 2 / sqrt(6 * 4)),
        ("mcc", "bcccd", "aaaab", -0.0944911182523068),  # matthews_corrcoef of scikit-learn 1.9.1
        ("pearson", ["1", "2", "3"], ["2", "1", "3"], 1 / 2),  # 1 - 6 * 2 / (3 * 8)
        ("spearman", ["1", "2", "900"], ["2", "1", "3"], 1 / 2),
        ("pearson", ["3", "2", "1"], ["1", "2", "3"], -1.0),
        # Undefined, so 0: a constant, a label that is neither predicted nor gold.
        ("mcc", "000", "001", 0.0),
        ("mcc", "001", "000", 0.0),
        ("binary_f1", "000", "000", 0.0),
        ("pearson", ["3.1", "3.1", "3.1"], ["1", "2", "3"], 0.0),
        ("spearman", ["1", "2", "3"], ["0", "0", "0"], 0.0),
        # What is no number counts as the mean answer, 2.
        ("pearson", ["1", "nan", "3"], ["1", "2", "3"], 1.0),
        ("pearson", ["", "two", "inf"], ["1", "2", "3"], 0.0),
    ],
)
def test_scores(metric, predictions, answers, expected):
    assert score(metric, list(predictions), list(answers)) == pytest.approx(expected, abs=1e-12)


labels = st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1, max_size=30)


@pytest.mark.parametrize("name", ["mcc", "macro_f1"])
def test_labels_that_the_task_knows_change_no_score(name):
    metric, answers = find_metric(name), [[answer] for answer in "abaa"]
    alone, known = (metric.statistics("abdc", answers, labels) for labels in ("", "abcdef"))
    assert known.shape == (4, 3 * 6)
    assert metric.score(known.mean(axis=0)) == pytest.approx(metric.score(alone.mean(axis=0)))


@settings(max_examples=60, deadline=None)
@given(labels)
def test_two_labels_by_the_formulas_of_the_contingency_table(pairs):
    predictions, answers = zip(*pairs, strict=True)
    tp, fp, fn, tn = (pairs.count((p, a)) for p, a in (*zip("1100", "1010", strict=True),))
    rows = sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert score("mcc", predictions, answers) == pytest.approx(
        (tp * tn - fp * fn) / rows if rows else 0, abs=1e-9
    )
    precision, recall = tp / max(1, tp + fp), tp / max(1, tp + fn)
    assert score("binary_f1", predictions, answers) == pytest.approx(
        2 * precision * recall / (precision + recall) if tp else 0, abs=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 40))
def test_correlations_are_those_of_scipy(seed, n):
    random = np.random.default_rng(seed)
    x, y = random.integers(0, 8, (2, n)) / 4  # with ties
    x[:2] = y[-2:] = 0, 1
    texts = [f"{value}" for value in x], [f"{value}" for value in y]
    assert score("pearson", *texts) == pytest.approx(pearsonr(x, y).statistic, abs=1e-9)
    assert score("spearman", *texts) == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from("abcd")] * 2), min_size=1, max_size=30))
def test_scores_of_several_labels_are_those_of_scikit_learn(pairs):
    predictions, answers = zip(*pairs, strict=True)
    labels = sorted(set(answers))
    f1 = f1_score(answers, predictions, labels=labels, average="macro", zero_division=0)
    assert score("macro_f1", predictions, answers) == pytest.approx(f1, abs=1e-9)
    mcc = matthews_corrcoef(answers, predictions)
    assert score("mcc", predictions, answers) == pytest.approx(mcc, abs=1e-9)


@pytest.mark.parametrize("metric", ["macro_f1", "mcc", "binary_f1", "pearson", "spearman"])
def test_many_means_are_scored_at_once(metric):
    means = find_metric(metric).statistics(["1", "0", "1"], [["1"], ["0"], ["0"]])
    many = np.broadcast_to(means.mean(axis=0), (4, 2, means.shape[1]))
    scores = find_metric(metric).score(many)
    assert scores.shape == (4, 2)
    assert scores == pytest.approx(float(find_metric(metric).score(means.mean(axis=0))))


@pytest.mark.parametrize(
    ("metric", "answers", "message"),
    [
        ("macro_f1", [["a", "b"]], r"one answer an example: \['a', 'b'\]"),
        ("pearson", [[]], r"one answer an example: \[\]"),
        ("pearson", [["five"]], "answers that are numbers, not 'five'"),
        ("spearman", [["nan"]], "answers that are numbers, not 'nan'"),
        ("binary_f1", [["entailment"]], "the labels 0 and 1, not 'entailment'"),
    ],
)
def test_answers_that_a_metric_cannot_be_of_are_refused(metric, answers, message):
    with pytest.raises(ValueError, match=message):
        find_metric(metric).statistics(["1"], answers)
