from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.statistics.paired import paired_t_test, randomisation_test, summarise

T_TWO_DEGREES = 4.303  # of printed tables: 2.5 % of Student's t lie above it


def test_a_summary_is_by_the_formulas():
    summary = summarise(np.array([0.2, 0.3, 0.4]))
    assert summary.mean == pytest.approx(0.3)
    assert summary.std == pytest.approx(0.1)  # sqrt((.01 + 0 + .01) / 2)
    half = T_TWO_DEGREES * 0.1 / 3**0.5
    assert summary.interval == pytest.approx((0.3 - half, 0.3 + half), abs=1e-4)


def test_one_score_has_no_spread():
    summary = summarise(np.array([0.2]))
    assert (summary.mean, summary.std, summary.interval) == (0.2, None, None)


def test_the_t_test_is_students_own_example():
    # Student (1908) on Cushny and Peebles' data, extra sleep with two drugs: t = -4.0621.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    test = paired_t_test(np.array(first), np.array(second))
    assert test.t == pytest.approx(-4.0621, abs=1e-4)
    assert test.p == pytest.approx(0.002833, abs=1e-6)
    assert (test.degrees, test.note) == (9, None)
    assert test.difference == pytest.approx(-1.58)
    assert test.interval == pytest.approx((-2.4599, -0.7001), abs=1e-4)


def test_three_seeds_by_the_closed_form():
    # With 2 degrees of freedom p = 1 - |t| / sqrt(2 + t^2).
    first, second = np.array([0.30, 0.28, 0.31]), np.array([0.25, 0.27, 0.28])
    differences = first - second
    t = differences.mean() / (differences.std(ddof=1) / 3**0.5)
    test = paired_t_test(first, second)
    assert test.t == pytest.approx(t)
    assert test.p == pytest.approx(1 - t / (2 + t * t) ** 0.5)


def test_identical_scores_do_not_differ():
    test = paired_t_test(np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2, 0.1 + 0.2]))
    assert (test.difference, test.p, test.note) == (0.0, 1.0, "the scores are identical")


def test_a_constant_difference_is_noted():
    test = paired_t_test(np.array([0.29, 0.30, 0.31]), np.array([0.18, 0.19, 0.20]))
    assert (test.t, test.p) == (None, 0.0)
    assert test.difference == pytest.approx(0.11)
    assert "no spread" in test.note


def test_one_pair_cannot_be_tested():
    test = paired_t_test(np.array([0.3]), np.array([0.1]))
    assert test.difference == pytest.approx(0.2)
    assert (test.p, test.t, test.interval) == (None, None, None)
    assert "at least two" in test.note


@pytest.mark.parametrize(("first", "second"), [([0.1], [0.1, 0.2]), ([], [])])
def test_scores_without_partners_are_refused(first, second):
    with pytest.raises(ValueError, match="paired"):
        paired_t_test(np.array(first), np.array(second))


scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(scores)
def test_exchanging_the_arms_only_turns_the_sign(pairs):
    first, second = np.array(pairs).T
    one, other = paired_t_test(first, second), paired_t_test(second, first)
    assert one.p == pytest.approx(other.p)
    assert 0 <= one.p <= 1
    assert one.difference == pytest.approx(-other.difference)
    p = randomisation_test(first, second, rounds=200)
    assert p == randomisation_test(second, first, rounds=200)


def test_randomisation_agrees_with_the_exact_permutation_distribution():
    random = np.random.default_rng(3)
    first, second = random.integers(0, 2, (2, 12)).astype(float)
    first[:4] = 1
    exact = permutation_test(
        (first - second,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert randomisation_test(first, second) == pytest.approx(exact, abs=0.015)


def exact_p(metric, first, second, answers):
    """Over all exchanges, of predictions themselves, scored anew."""

    def difference(exchanged):
        one = find_metric(metric).statistics(np.where(exchanged, second, first).tolist(), answers)
        other = find_metric(metric).statistics(np.where(exchanged, first, second).tolist(), answers)
        score = find_metric(metric).score
        return abs(score(one.mean(axis=0)) - score(other.mean(axis=0)))

    observed = difference([False] * len(first)) - 1e-9
    return np.mean([difference(e) >= observed for e in product([True, False], repeat=len(first))])


@pytest.mark.parametrize("metric", ["macro_f1", "mcc", "binary_f1", "accuracy"])
def test_randomisation_exchanges_predictions_and_scores_them_anew(metric):
    answers = [[label] for label in "00011111"]
    first, second = np.array(list("00010110")), np.array(list("11010001"))
    one, other = (
        find_metric(metric).statistics(some.tolist(), answers) for some in (first, second)
    )
    p = randomisation_test(one, other, find_metric(metric).score)
    assert 0.02 < p < 0.98
    assert p == pytest.approx(exact_p(metric, first, second, answers), abs=0.015)


def test_randomisation_of_correlations_does_not_depend_on_scales():
    random = np.random.default_rng(1)
    y = random.normal(size=40)
    first, second = y + random.normal(size=40), y + 1.3 * random.normal(size=40)

    def p(metric, first, second):
        answers = [[f"{value}"] for value in y]
        one, other = (
            find_metric(metric).statistics([f"{value}" for value in some], answers)
            for some in (first, second)
        )
        return randomisation_test(one, other, find_metric(metric).score)

    assert 0.02 < p("pearson", first, second) < 0.98
    assert p("pearson", first, second) == p("pearson", first, 100 * second - 3)
    assert p("spearman", first, second) == p("spearman", first, np.exp(second))
    assert p("pearson", y, random.normal(size=40)) < 0.001
    assert p("spearman", y, random.normal(size=40)) < 0.001


def test_randomisation_counts_ties_in_spite_of_rounding():
    # Two examples differ by a third each: of four exchanges two have the observed size, so p = 1/2.
    first, second = np.array([1 / 3, 2 / 3, 1.0]), np.array([0.0, 1 / 3, 1.0])
    assert randomisation_test(first, second) == pytest.approx(0.5, abs=0.02)


def test_randomisation_at_its_ends():
    ones, zeros = np.ones(60), np.zeros(60)
    assert randomisation_test(ones, ones) == 1.0
    assert randomisation_test(ones, zeros) == pytest.approx(1 / 10_001)
    assert randomisation_test(ones, zeros, rounds=100) == pytest.approx(1 / 101)
