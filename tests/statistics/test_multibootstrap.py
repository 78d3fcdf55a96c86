"""The multi-bootstrap against loops that draw seeds and examples one by one, and closed forms."""

import numpy as np
import pytest
from scipy.stats import t as student

from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.statistics.multibootstrap import (
    RESAMPLES,
    ExampleSamples,
    Resampled,
    multi_bootstrap,
)


def score(means):
    return means[..., 0]


def right(random, chances, examples=60):
    """Of runs with these chances to be right, [examples, runs, 1]."""
    return (random.random((examples, len(chances))) < chances).astype(float)[..., None]


@pytest.fixture
def arms():
    random = np.random.default_rng(0)
    return right(random, [0.6, 0.5, 0.7, 0.65]), right(random, [0.4, 0.5, 0.45, 0.5])


def error_by_loops(first, second, clusters, paired, metric=score):
    """Each draw is made by itself, as in Sellam et al. 2022, section 4.1 and 4.2."""
    random = np.random.default_rng(1)
    names = np.unique(clusters)
    drawn = []
    for _ in range(3000):
        some = random.choice(names, len(names))
        rows = np.concatenate([np.flatnonzero(clusters == name) for name in some])
        one = random.integers(0, first.shape[1], first.shape[1])
        two = one if paired else random.integers(0, second.shape[1], second.shape[1])
        means = [metric(arm[rows].mean(axis=0)) for arm in (first, second)]
        drawn.append(means[0][one].mean() - means[1][two].mean())
    return np.std(drawn)


def lacking(first, second, clusters, paired):
    """What samples of n things vary too little by, of seeds and of examples."""
    means = [arm[:, :, 0].mean(axis=0) for arm in (first, second)]
    seeds = [means[0] - means[1]] if paired else means
    of_seeds = sum(some.var() / len(some) / (len(some) - 1) for some in seeds)
    gaps = (first - second).mean(axis=(1, 2))
    sums = np.bincount(clusters, gaps)
    of_examples = (sums.var() / sums.mean() ** 2 * gaps.mean() ** 2) / len(sums)
    return of_seeds + of_examples / (len(sums) - 1)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_the_error_is_that_of_drawing_seeds_and_examples_by_loops(arms, paired, size):
    first, second = arms
    clusters = np.arange(60) // size
    samples = ExampleSamples(60, clusters)
    one, two = (samples.resample(arm, range(4), score) for arm in arms)
    found = multi_bootstrap(one, two, "runs", paired=paired)
    plain = error_by_loops(first, second, clusters, paired)
    expected = (plain**2 + lacking(first, second, clusters, paired)) ** 0.5
    assert found.error == pytest.approx(expected, rel=0.06)
    middle = sum(found.interval) / 2
    assert middle == pytest.approx(first.mean() - second.mean())
    half = student.ppf(0.975, found.degrees) * found.error
    assert found.interval[1] - middle == pytest.approx(half)
    assert found.p == pytest.approx(2 * student.sf(abs(middle) / found.error, found.degrees))
    assert (found.clusters, found.number, found.seeds) == (60 // size, 4, "runs")


def test_clusters_whose_examples_go_together_widen_the_interval():
    random = np.random.default_rng(2)
    first, second = (np.repeat(right(random, [0.6], 40), 5, axis=0) for _ in range(2))
    alone, together = (
        multi_bootstrap(*(s.resample(arm, [0], score) for arm in (first, second)), "runs")
        for s in (ExampleSamples(200), ExampleSamples(200, np.arange(200) // 5))
    )
    assert together.error == pytest.approx(5**0.5 * alone.error, rel=0.1)


def test_where_seeds_do_not_differ_it_is_the_interval_over_examples():
    first, second = (right(np.random.default_rng(3), [chance], 400) for chance in (0.5, 0.4))
    first, second = (np.repeat(arm, 3, axis=1) for arm in (first, second))
    samples = ExampleSamples(400)
    found = multi_bootstrap(
        *(samples.resample(a, range(3), score) for a in (first, second)), "runs"
    )
    gaps = (first - second)[:, 0, 0]
    assert found.error == pytest.approx(gaps.std(ddof=1) / 20, rel=0.05)
    assert found.degrees == pytest.approx(399, rel=0.01)


def test_where_examples_do_not_matter_it_is_the_t_interval_over_seeds():
    observed = np.array([0.3, 0.1, 0.25])
    flat = Resampled(observed, np.tile(observed, (RESAMPLES, 1)), 100)
    zero = Resampled(np.zeros(3), np.zeros((RESAMPLES, 3)), 100)
    found = multi_bootstrap(flat, zero, "runs")
    assert found.degrees == pytest.approx(2, rel=0.1)
    assert found.error == pytest.approx(observed.std(ddof=1) / 3**0.5, rel=0.03)


def test_fine_tuning_runs_are_averaged_within_a_pre_training_seed(arms):
    samples = ExampleSamples(60)
    resampled = samples.resample(arms[0], [0, 0, 7, 7], score)
    means = arms[0][:, :, 0].mean(axis=0)
    assert resampled.observed == pytest.approx([means[:2].mean(), means[2:].mean()])
    assert resampled.samples.shape == (RESAMPLES, 2)


def test_metrics_of_a_split_are_scored_anew_in_every_sample():
    metric = find_metric("mcc")
    random = np.random.default_rng(4)
    answers = [[label] for label in random.choice(["a", "b"], 80)]
    arms = []
    for wrong in (0.1, 0.4):
        flips = random.random((80, 3)) < wrong
        runs = [
            metric.statistics(
                [{"a": "b", "b": "a"}[g] if f else g for f, (g,) in zip(run, answers, strict=True)],
                answers,
                ("a", "b"),
            )
            for run in flips.T
        ]
        arms.append(np.stack(runs, axis=1))
    samples = ExampleSamples(80)
    found = multi_bootstrap(
        *(samples.resample(arm, range(3), metric.score) for arm in arms), "runs"
    )
    expected = error_by_loops(*arms, np.arange(80), True, metric.score)
    assert found.error == pytest.approx(expected, rel=0.25)
    assert found.error > expected


def test_one_run_of_each_arm_has_an_interval_over_examples(arms):
    samples = ExampleSamples(60)
    one, two = (samples.resample(arm[:, :1], [0], score) for arm in arms)
    found = multi_bootstrap(one, two, "runs")
    gaps = (arms[0] - arms[1])[:, 0, 0]
    assert (found.seeds, found.number) == ("none", 1)
    assert found.error == pytest.approx(gaps.std(ddof=1) / 60**0.5, rel=0.06)


def test_few_examples_are_corrected_exactly():
    """Of one run the error is the samples', by n / (n - 1): here of five examples."""
    random = np.random.default_rng(6)
    first, second = random.random((2, 5, 1, 1))
    samples = ExampleSamples(5)
    one, two = (samples.resample(arm, [0], score) for arm in (first, second))
    found = multi_bootstrap(one, two, "runs")
    plain = (one.samples - two.samples).var()
    assert found.error**2 == pytest.approx(plain * 5 / 4, rel=1e-9)
    assert found.examples_error == pytest.approx(found.error, rel=1e-9)


def test_what_examples_limit_no_number_of_runs_takes_away():
    random = np.random.default_rng(7)
    shared = random.normal(0.05, 0.3, (100, 1, 1))  # what every run has of an example
    own = random.normal(0, 0.3, (100, 4, 1))
    samples = ExampleSamples(100)
    zero = samples.resample(np.zeros((100, 4, 1)), range(4), score)
    alike, apart = (
        multi_bootstrap(samples.resample(some, range(4), score), zero, "runs")
        for some in (shared + own, 0.05 + own)
    )
    assert alike.examples_error == pytest.approx(0.03, rel=0.25)
    assert apart.examples_error < 0.5 * 0.3 / 4**0.5 / 10
    assert (alike.examples_limit, apart.examples_limit) == (True, False)


def test_identical_arms_have_no_spread_and_no_p(arms):
    one = ExampleSamples(60).resample(arms[0], range(4), score)
    found = multi_bootstrap(one, one, "runs")
    assert (found.interval, found.p, found.degrees, found.error) == ((0, 0), None, None, 0)


def test_the_same_examples_give_the_same_samples():
    assert np.array_equal(ExampleSamples(30, of="qa").counts, ExampleSamples(30, of="qa").counts)
    assert not np.array_equal(
        ExampleSamples(30, of="qa").counts, ExampleSamples(30, of="nq").counts
    )
    assert (ExampleSamples(30).counts.sum(axis=1) == 30).all()


def test_three_seeds_are_covered_where_plain_percentiles_are_too_narrow():
    """A few of the studies of bench_statistics."""
    random = np.random.default_rng(5)
    covered = {"ours": 0, "plain": 0}
    samples = ExampleSamples(200)
    for _ in range(150):
        arms = [right(random, random.normal(0.5, 0.1, 3), 200) for _ in range(2)]
        one, two = (samples.resample(arm, range(3), score) for arm in arms)
        low, high = multi_bootstrap(one, two, "runs").interval
        covered["ours"] += low <= 0 <= high
        weights = random.multinomial(3, np.full(3, 1 / 3), RESAMPLES) / 3
        drawn = (weights * (one.samples - two.samples)).sum(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        covered["plain"] += low <= 0 <= high
    assert covered["ours"] / 150 == pytest.approx(0.96, abs=0.05)
    assert covered["ours"] >= covered["plain"] + 8
