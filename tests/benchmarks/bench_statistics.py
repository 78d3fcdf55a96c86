"""Whether intervals cover what they say, and tests reject what they should: simulated studies.

A study has two arms, or eight and a control, of 3 or 5 runs on 300 examples in clusters of three.
Whether an example is right has a chance that depends on its cluster, on how the arm takes to that
cluster, and on the seed. Without a difference between arms, what a test of level .05 rejects are
false alarms; with one, what an interval of .95 covers is known. Both are shown where seeds vary
much and where examples do, beside tests that are made for one of the two alone. What looks at runs
alone, or at runs of several tasks, is given normal scores, with and without a gap between arms.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri
from support.benchmark_report import Row, report

from maskpolicy.statistics import aggregates, dominance, paired
from maskpolicy.statistics.comparisons import ArmRuns, compare
from maskpolicy.statistics.effects import paired_effect
from maskpolicy.statistics.equivalence import tost
from maskpolicy.statistics.multibootstrap import ExampleSamples, multi_bootstrap
from maskpolicy.statistics.multiplicity import dunnett, holm

STUDIES = 400
CLUSTERS, IN_CLUSTER = 100, 3
ARMS = 8
LEVEL = 0.05
UNIT = "of studies"


@dataclass(frozen=True)
class World:
    """What varies: standard deviations in logits."""

    name: str
    runs: int
    seeds: float  # of a run's own
    clusters: float  # of how an arm takes to a cluster


WORLDS = [
    World("3 runs, seeds vary", 3, 0.5, 0.0),
    World("3 runs, examples vary", 3, 0.02, 1.0),
    World("3 runs, both vary", 3, 0.2, 1.0),
    World("5 runs, both vary", 5, 0.2, 1.0),
]


def score(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def simulate(world: World, random: np.random.Generator, arms: int = 2) -> np.ndarray:
    """Right or wrong, [arms, examples, runs, 1]."""
    easy = random.normal(0, 1, CLUSTERS)
    taken = random.normal(0, world.clusters, (arms, CLUSTERS))
    seeds = random.normal(0, world.seeds, (arms, 1, world.runs))
    logits = np.repeat(easy + taken, IN_CLUSTER, axis=1)[:, :, None] + seeds
    return (random.random(logits.shape) < expit(logits)).astype(float)[..., None]


def measure(world: World) -> Iterator[Row]:
    """Of one world: false alarms of tests, and coverage of intervals about no difference."""
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(CLUSTERS), IN_CLUSTER)
    found: dict[str, list[bool]] = defaultdict(list)
    for study in range(STUDIES):
        data = simulate(world, random)
        samples = ExampleSamples(len(clusters), clusters, of=str(study))
        first, second = (
            ArmRuns(arm.mean(axis=0)[:, 0], arm, samples.resample(arm, range(world.runs), score))
            for arm in data
        )
        tested = compare("a", "b", first, second, score=score, clusters=clusters)
        bootstrap = tested.bootstrap
        unpaired = multi_bootstrap(first.resampled, second.resampled, "runs", paired=False)
        found["false alarms: paired t over runs (the papers' shading)"].append(tested.p < LEVEL)
        found["false alarms: exact sign flips over runs"].append(tested.p_sign_flip < LEVEL)
        found["false alarms: randomisation over examples"].append(tested.p_examples < LEVEL)
        found["false alarms: randomisation over clusters"].append(tested.p_clusters < LEVEL)
        found["false alarms: multi-bootstrap, paired"].append(bootstrap.p < LEVEL)
        found["false alarms: multi-bootstrap, unpaired"].append(unpaired.p < LEVEL)
        found["coverage: t interval over runs"].append(holds(tested.interval, 0))
        found["coverage: multi-bootstrap, paired"].append(holds(bootstrap.interval, 0))
        found["coverage: multi-bootstrap, unpaired"].append(holds(unpaired.interval, 0))
        plain = plain_percentiles(first.resampled, second.resampled, random)
        found["coverage: multi-bootstrap of plain percentiles"].append(holds(plain, 0))
    for what, results in found.items():
        yield Row(f"{world.name}: {what}", float(np.mean(results)), UNIT)


def plain_percentiles(first, second, random) -> tuple[float, float]:
    """As Sellam et al. 2022 print it, for comparison."""
    difference = first.samples - second.samples
    number = difference.shape[1]
    weights = random.multinomial(number, np.full(number, 1 / number), len(difference)) / number
    low, high = np.quantile((weights * difference).sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def measure_runs(runs: int) -> Iterator[Row]:
    """What looks at scores of runs alone, here normal ones with a standard deviation of one."""
    random = np.random.default_rng(2)
    found: dict[str, list[bool]] = defaultdict(list)
    effect, margin = 1.0, 1.5
    for _ in range(4 * STUDIES):
        first, second = random.normal(0, 1, (2, runs))
        found["false alarms: Welch's t"].append(paired.welch_t_test(first, second).p < LEVEL)
        interval = paired.welch_t_test(first, second).interval
        found["coverage: Welch's interval"].append(holds(interval, 0))
        differences = random.normal(effect, 1, runs)
        of_pairs = paired_effect(differences, np.zeros(runs))
        found["coverage: effect size d_z = 1"].append(holds(of_pairs.interval, effect))
        error = float(np.std(first, ddof=1)) / runs**0.5
        equivalent = tost(float(first.mean()) + margin, error, runs - 1, margin).equivalent
        found["false alarms: equivalence, the difference being the margin"].append(equivalent)
    for _ in range(STUDIES):
        control, *arms = random.normal(0, 1, (1 + ARMS, runs))
        ps = [paired.paired_t_test(arm, control).p for arm in arms]
        named = dict(enumerate(arms))
        any_of = f"of {ARMS} arms against one"
        found[f"any false alarm {any_of}: uncorrected t"].append(min(ps) < LEVEL)
        found[f"any false alarm {any_of}: Holm"].append(min(holm(ps)) < LEVEL)
        adjusted = dunnett(named, control).values()
        found[f"any false alarm {any_of}: Dunnett"].append(min(adjusted) < LEVEL)
        best = int(np.argmax([arm.mean() for arm in arms]))
        found["false alarms: the best arm against the control, t"].append(ps[best] < LEVEL)
        order = dominance.almost_stochastic_order(arms[0], control)
        found["false alarms: almost stochastic order, eps < .5"].append(order < 0.5)
        found["false alarms: almost stochastic order, eps < .2"].append(order < dominance.BETTER)
    for what, results in found.items():
        yield Row(f"{runs} runs: {what}", float(np.mean(results)), UNIT)


def measure_tasks(runs: int) -> Iterator[Row]:
    """What looks at runs of several tasks, whose scores are normal with a deviation of one."""
    random = np.random.default_rng(3)
    tasks: dict[str, np.ndarray] = {  # means of each
        "4 tasks apart": np.arange(4) * 2.0,
        "4 tasks alike": np.zeros(4),
        "2 tasks apart": np.arange(2) * 2.0,
    }
    for name, means in tasks.items():
        # By symmetry the middle half has the mean of all.
        middle = [
            holds(
                aggregates.interquartile_mean(random.normal(means, 1, (runs, len(means)))).interval,
                means.mean(),
            )
            for _ in range(STUDIES)
        ]
        yield Row(
            f"{runs} runs: coverage: interquartile mean, {name}", float(np.mean(middle)), UNIT
        )
    for truth, number in ((0.5, 4), (0.9, 2), (0.9, 4)):
        gap = 2**0.5 * ndtri(truth)  # between two normal scores, of which one is above so often
        of = f"probability of improvement {truth:g}, {number} tasks"
        found = [
            aggregates.probability_of_improvement(
                random.normal(gap, 1, (runs, number)), random.normal(0, 1, (runs, number))
            ).interval
            for _ in range(STUDIES)
        ]
        given = [holds(interval, truth) for interval in found if interval]
        yield Row(
            f"{runs} runs: coverage: {of}, where there is an interval", float(np.mean(given)), UNIT
        )
        yield Row(f"{runs} runs: no interval: {of}", 1 - len(given) / STUDIES, UNIT)


def holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def main() -> None:
    rows = [row for world in WORLDS for row in measure(world)]
    rows += [row for runs in (3, 5) for row in (*measure_runs(runs), *measure_tasks(runs))]
    report(
        "statistics",
        "Intervals of .95 and tests of level .05 in simulated studies",
        rows,
        [
            f"{STUDIES} studies or more: the standard error of a share of .05 is .011 at most.",
            "The t-test over runs speaks for seeds alone, the randomisation for examples alone:",
            "where the other varies, they raise false alarms. The multi-bootstrap speaks for both.",
        ],
    )


if __name__ == "__main__":
    main()
