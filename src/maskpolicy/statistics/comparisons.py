"""Two arms compared: every test of their difference, and what the tests can't say.

The scale of differences is that of scores, where 1 is 100 points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskpolicy.records import JsonRecord
from maskpolicy.statistics import paired
from maskpolicy.statistics.effects import Effect, paired_effect, two_sample_effect
from maskpolicy.statistics.equivalence import Equivalence, tost
from maskpolicy.statistics.multibootstrap import Drawn, MultiBootstrap, Resampled, multi_bootstrap
from maskpolicy.statistics.multiplicity import holm
from maskpolicy.statistics.needed_runs import Power, paired_power, two_sample_power
from maskpolicy.statistics.power import LEVEL

Interval = tuple[float, float]

Outcome = Literal["higher", "lower", "equivalent", "identical", "undecided"]


class Comparison(JsonRecord):
    """`arm` against `other` in one column; differences are arm - other, on the scale of scores."""

    arm: str
    other: str
    difference: float
    interval: Interval | None
    t: float | None
    degrees: int | float
    p: float | None  # t-test over runs, two-sided, uncorrected; of pairs, else Welch's
    p_examples: float | None  # approximate randomisation over examples, the mean score over seeds;
    # None of the average, whose tasks have no examples in common
    note: str | None
    paired: bool = True  # whether runs are: the first of one arm with the first of the other, …
    p_clusters: float | None = None  # as p_examples, clusters exchanged whole, where there are any
    p_sign_flip: float | None = None  # exact test over paired runs, without normality
    p_seeds: float | None = None  # as p, of each pre-training seed's mean, where one has several
    # runs: they are not independent
    p_holm: float | None = None  # p_uncorrected among all of the column's comparisons
    p_dunnett: float | None = None  # of all arms against this other one, together; not of pairs
    bootstrap: MultiBootstrap | None = None
    effect: Effect | None = None  # of runs, or as p_seeds of their means; power and sign flips, too
    equivalence: Equivalence | None = None  # where a margin was stated
    power: Power | None = None  # of the t-test over runs, by the spread seen
    identical: bool = False  # whether every example counts the same for both in every run

    @property
    def p_uncorrected(self) -> float | None:
        """What Holm's method corrects: p over runs, or else over examples or clusters."""
        return self.p_over_examples if self.p_over_runs is None else self.p_over_runs

    @property
    def p_over_runs(self) -> float | None:
        """By seeds where they have several runs; None of one run, and where no spread was seen and
        p is 0 for that.
        """
        if self.p_seeds is not None:
            return self.p_seeds or None
        return None if self.t is None and self.p == 0 else self.p

    @property
    def p_over_examples(self) -> float | None:
        """By clusters where there are any."""
        return self.p_examples if self.p_clusters is None else self.p_clusters

    @property
    def outcome(self) -> Outcome:
        """What can be said of it.

        Higher or lower: p by Holm's method is below LEVEL and the multi-bootstrap interval excludes
        zero, so that it holds over runs and over examples. Without examples the first alone counts.
        """
        if self.identical:
            return "identical"
        if self.p_holm is not None and self.p_holm < LEVEL:
            low, high = self.bootstrap.interval if self.bootstrap else (self.difference,) * 2
            if low > 0:
                return "higher"
            if high < 0:
                return "lower"
        return "equivalent" if self.equivalence and self.equivalence.equivalent else "undecided"


@dataclass(frozen=True)
class ArmRuns:
    """What an arm scored in one column: [runs], and what the scores are made of, where it is known.

    statistics: float64 [examples, runs, M]; resampled: the scores of samples of the examples;
    seeds: what each run belongs to, [runs], where several are of one.
    """

    scores: np.ndarray
    statistics: np.ndarray | None
    resampled: Resampled | None
    seeds: Sequence[int] | None = None

    @property
    def by_seed(self) -> np.ndarray:
        """What is independent, [seeds]: the mean score of each seed's runs."""
        if self.seeds is None or len(set(self.seeds)) == len(self.seeds):
            return self.scores
        number = np.unique(np.asarray(self.seeds), return_inverse=True)[1]
        return np.bincount(number, self.scores) / np.bincount(number)


def compare(
    arm: str,
    other: str,
    first: ArmRuns,
    second: ArmRuns,
    *,
    score: Callable[[np.ndarray], np.ndarray] | None,
    clusters: np.ndarray | None = None,
    drawn: Drawn = "runs",
    margin: float | None = None,
    pair: bool = True,
) -> Comparison:
    """Compare the runs of two arms; unpaired (`pair`), they may be of different numbers.

    `score` makes scores of means of statistics; `clusters` are numbers of the examples' clusters;
    `drawn` says what runs are; `margin` is that of equivalence. p_holm and p_dunnett are those of
    several comparisons: see :func:`correct`.
    """
    test = paired.paired_t_test if pair else paired.welch_t_test
    tested = test(first.scores, second.scores)
    one_by_seed, two_by_seed = first.by_seed, second.by_seed
    of_seeds = test(one_by_seed, two_by_seed)
    averaged = len(one_by_seed) < len(first.scores) or len(two_by_seed) < len(second.scores)
    p_examples = p_clusters = None
    identical = False
    if first.statistics is not None and second.statistics is not None and score is not None:
        exchanged = _exchangeable(first.statistics, second.statistics)
        if exchanged is not None:
            one, two = exchanged
            same_runs = first.statistics.shape == second.statistics.shape
            identical = same_runs and not (np.abs(one - two) > paired.ROUNDING).any()

            def mean_score(means: np.ndarray) -> np.ndarray:
                return score(means).mean(axis=-1)

            p_examples = paired.randomisation_test(one, two, mean_score)
            if clusters is not None:
                p_clusters = paired.randomisation_test(one, two, mean_score, clusters=clusters)
    bootstrap = equivalence = None
    # A single cluster says nothing of others.
    if first.resampled and second.resampled and first.resampled.clusters > 1:
        bootstrap = multi_bootstrap(first.resampled, second.resampled, drawn, paired=pair)
        if margin is not None:
            equivalence = tost(tested.difference, bootstrap.error, bootstrap.degrees or 1, margin)
    effect, power = (paired_effect, paired_power) if pair else (two_sample_effect, two_sample_power)
    return Comparison(
        arm=arm,
        other=other,
        **vars(tested) | {"note": of_seeds.note},
        p_examples=p_examples,
        p_clusters=p_clusters,
        p_seeds=of_seeds.p if averaged else None,
        p_sign_flip=paired.sign_flip_test(one_by_seed, two_by_seed) if pair else None,
        paired=pair,
        bootstrap=bootstrap,
        effect=effect(one_by_seed, two_by_seed),
        equivalence=equivalence,
        power=power(one_by_seed, two_by_seed),
        identical=identical,
    )


def correct(comparisons: list[Comparison]) -> list[Comparison]:
    """Adjust p by Holm's method, each pair of arms counted once whichever stands first."""
    pairs: dict[frozenset[str], float | None] = {
        frozenset((each.arm, each.other)): each.p_uncorrected for each in comparisons
    }
    adjusted = dict(zip(pairs, holm(list(pairs.values())), strict=True))
    return [
        each.model_copy(update={"p_holm": adjusted[frozenset((each.arm, each.other))]})
        for each in comparisons
    ]


def _exchangeable(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Statistics that runs of both arms can exchange; None of different numbers of runs, unless
    scores are means of examples, which are those of the runs' means too.
    """
    if first.shape == second.shape:
        return first, second
    if first.shape[2] == 1:
        return first.mean(axis=1, keepdims=True), second.mean(axis=1, keepdims=True)
    return None
