"""Every test of a comparison on data whose answer is known, and what can't be tested."""

from warnings import catch_warnings

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_ind, ttest_rel
from scipy.stats import t as student

from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.reporting.verdicts import verdicts
from maskpolicy.statistics.comparisons import ArmRuns, Comparison, compare, correct
from maskpolicy.statistics.multibootstrap import ExampleSamples
from maskpolicy.statistics.needed_runs import paired_power
from maskpolicy.statistics.paired import (
    randomisation_test,
    sign_flip_floor,
    sign_flip_test,
    welch_t_test,
)


def score(means):
    return means[..., 0]


def runs(right, examples=90, clusters=None):
    """An arm whose runs have so many examples right, the first ones."""
    statistics = np.stack([(np.arange(examples) < n).astype(float) for n in right], axis=1)
    statistics = statistics[..., None]
    samples = ExampleSamples(examples, clusters)
    resampled = samples.resample(statistics, range(len(right)), score)
    return ArmRuns(statistics.mean(axis=0)[:, 0], statistics, resampled)


def against(first, second, **asked):
    return correct([compare("a", "b", runs(first), runs(second), score=score, **asked)])[0]


def test_a_clear_difference_is_decided_in_both_directions():
    higher = against((60, 61, 62), (10, 12, 11))
    assert higher.outcome == "higher"
    assert higher.p == pytest.approx(ttest_rel([60, 61, 62], [10, 12, 11]).pvalue)
    assert higher.p_holm == higher.p
    assert higher.p_sign_flip == 0.25
    assert higher.p_examples < 0.001
    assert higher.bootstrap.interval[0] > 0
    assert against((10, 12, 11), (60, 61, 62)).outcome == "lower"


def test_a_difference_over_runs_that_examples_may_have_made_is_undecided():
    found = against((41, 42, 43), (39, 40, 40))
    assert found.p_holm < 0.05
    assert found.bootstrap.interval[0] < 0 < found.bootstrap.interval[1]
    assert found.outcome == "undecided"


def test_many_comparisons_make_one_undecided():
    one = against((60, 61, 68), (40, 42, 43))
    others = [one.model_copy(update={"arm": f"x{i}", "p": 0.5}) for i in range(9)]
    alone, among = correct([one])[0], correct([one, *others])[0]
    assert (alone.outcome, among.outcome) == ("higher", "undecided")
    assert among.p_holm == pytest.approx(10 * one.p)


def test_a_pair_of_arms_counts_once_whichever_stands_first():
    one = against((60, 61, 68), (40, 42, 43))
    turned = one.model_copy(update={"arm": "b", "other": "a"})
    assert [each.p_holm for each in correct([one, turned])] == [one.p, one.p]


def test_equivalence_is_claimed_with_a_margin_only():
    first, second = (60, 61, 60), (60, 60, 61)
    assert against(first, second).outcome == "undecided"
    assert against(first, second, margin=0.2).outcome == "equivalent"
    assert against(first, second, margin=0.001).outcome == "undecided"


def test_identical_predictions_are_said_to_be():
    found = against((60, 61), (60, 61), margin=0.1)
    assert (found.outcome, found.identical, found.p) == ("identical", True, 1)
    assert found.equivalence.p is None
    assert found.power is None
    assert not against((60, 61), (61, 60)).identical


def test_one_run_of_each_is_tested_over_examples():
    found = against((60,), (20,))
    assert (found.p, found.effect, found.power) == (None, None, None)
    assert found.p_holm == found.p_examples < 0.001
    assert found.outcome == "higher"
    assert found.bootstrap.seeds == "none"
    assert against((60,), (58,)).outcome == "undecided"


def test_a_constant_difference_needs_the_examples_to_be_decided():
    assert "no spread" in against((41, 42), (40, 41)).note
    assert against((41, 42), (40, 41)).outcome == "undecided"


def test_a_constant_difference_over_runs_leaves_the_word_to_examples():
    found = against((60, 61), (20, 21))
    assert (found.p, found.p_over_runs) == (0, None)
    assert found.p_holm == found.p_uncorrected == found.p_examples > 0
    assert found.outcome == "higher"
    flat = compare("a", "b", runs((60, 60)), runs((58, 58, 58)), score=score, pair=False)
    assert (flat.p, flat.p_uncorrected) == (0, flat.p_examples)


def test_unequal_numbers_of_runs_are_never_identical():
    first, second = runs((60, 60)), runs((60, 60, 60))
    assert not compare("a", "b", first, second, score=score, pair=False).identical


def test_runs_of_one_pre_training_seed_are_averaged_but_for_the_papers_t_test():
    seeds = [7, 7, 0, 0]
    first, second = (
        ArmRuns(some.scores, some.statistics, some.resampled, seeds)
        for some in (runs((60, 62, 50, 54)), runs((40, 41, 38, 40)))
    )
    found = compare("a", "b", first, second, score=score)
    means = np.array([52, 61]) / 90, np.array([39, 40.5]) / 90
    assert first.by_seed == pytest.approx(means[0])
    assert found.p == ttest_rel(first.scores, second.scores).pvalue
    assert found.p_uncorrected == found.p_seeds == pytest.approx(ttest_rel(*means).pvalue)
    assert found.p_sign_flip == sign_flip_floor(2)
    assert found.effect is None
    assert found.power.smallest == pytest.approx(paired_power(*means).smallest)
    apart = ArmRuns(first.scores, None, None, [3, 1, 2, 0])
    assert apart.by_seed is first.scores


def test_a_difference_that_is_the_same_with_every_pre_training_seed_says_so():
    first, second = (
        ArmRuns(some.scores, some.statistics, some.resampled, [0, 0, 1, 1])
        for some in (runs((42, 40, 51, 51)), runs((40, 40, 50, 50)))
    )
    found = correct([compare("a", "b", first, second, score=score)])[0]
    assert (found.p_seeds, found.power, found.outcome) == (0, None, "undecided")
    assert "same with every seed" in found.note
    (told,) = verdicts([found], 2)
    assert told.endswith(
        "over examples; the difference is the same with every seed, so the t-test sees no spread."
    )


def test_a_single_cluster_has_no_multi_bootstrap():
    clusters = np.zeros(90, int)
    one, two = (runs(right, clusters=clusters) for right in ((60, 61, 62), (10, 12, 11)))
    assert compare("a", "b", one, two, score=score, clusters=clusters).bootstrap is None


def test_equivalence_has_the_degrees_of_the_multi_bootstrap():
    found = against((60, 61, 60), (60, 60, 61), margin=0.2)
    error, degrees = found.bootstrap.error, found.bootstrap.degrees
    expected = student.sf((0.2 - abs(found.difference)) / error, degrees)
    assert found.equivalence.p == pytest.approx(expected, rel=1e-9)


def test_runs_that_are_no_pairs_are_compared_by_welch():
    found = compare("a", "b", runs((60, 61, 66)), runs((40, 44)), score=score, pair=False)
    expected = ttest_ind(np.array([60, 61, 66]) / 90, np.array([40, 44]) / 90, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (found.paired, found.p_sign_flip) == (False, None)
    assert found.p_examples < 0.01
    assert found.power.needed >= 2


def test_metrics_of_a_split_need_as_many_runs_to_exchange():
    metric = find_metric("mcc")
    answers = [[label] for label in "ab" * 20]
    said = [metric.statistics(list("ab" * 18 + "ba" * 2), answers, ("a", "b"))]
    few, many = (np.stack(said * n, axis=1) for n in (2, 3))
    arms = [ArmRuns(metric.score(some.mean(axis=0)), some, None) for some in (few, many)]
    assert compare("a", "b", *arms, score=metric.score, pair=False).p_examples is None


def test_welch_at_its_ends():
    assert welch_t_test(np.array([0.1]), np.array([0.2, 0.3])).p is None
    flat = welch_t_test(np.full(2, 0.3), np.full(3, 0.1))
    assert (flat.p, flat.t) == (0, None)
    assert "no spread" in flat.note
    assert welch_t_test(np.full(2, 0.3), np.full(3, 0.3)).note == "the scores are identical"
    with catch_warnings(action="error"):
        welch_t_test(np.array([0.5, 0.5 + 1e-16]), np.array([0.3, 0.3 + 2e-12]))


@pytest.mark.parametrize("number", [2, 3, 6])
def test_sign_flips_are_those_of_scipy(number):
    first, second = np.random.default_rng(number).normal(size=(2, number))
    expected = permutation_test(
        (first - second,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(first, second) == pytest.approx(expected.pvalue)


def test_sign_flips_can_not_go_below_their_floor():
    for number in (1, 2, 3, 10):
        first = np.arange(number) + 1.0
        assert sign_flip_test(first, np.zeros(number)) == sign_flip_floor(number)
    assert sign_flip_floor(3) == 0.25
    assert sign_flip_test(np.ones(40), np.zeros(40)) is None


def test_examples_of_a_cluster_are_exchanged_together():
    first, second = np.array([1.0] * 8 + [0.0] * 4), np.zeros(12)
    clusters = np.arange(12) // 4
    # Of four exchanges of two clusters, two have the observed size.
    assert randomisation_test(first, second, clusters=clusters) == pytest.approx(0.5, abs=0.02)
    assert randomisation_test(first, second) < 0.01
    alone = randomisation_test(first, second, clusters=np.arange(12)[::-1])
    assert alone == pytest.approx(randomisation_test(first, second), abs=0.01)


def test_a_comparison_is_read_back(tmp_path):
    found = against((60, 61, 62), (10, 12, 11), margin=0.1)
    found.write(tmp_path / "comparison.json")
    assert Comparison.read(tmp_path / "comparison.json") == found
