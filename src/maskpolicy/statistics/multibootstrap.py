"""The multi-bootstrap: seeds and test examples drawn together, so that an interval speaks for both.

Sellam et al. 2022, "The MultiBERTs". What is drawn anew are pre-training seeds, their fine-tuning
runs averaged; where all runs start from one pre-training, fine-tuning runs, and then the interval
can't speak for the pre-training. Examples of a cluster, as questions about one passage, are drawn
together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from maskpolicy.randomness import key
from maskpolicy.records import JsonRecord
from maskpolicy.statistics.paired import CONFIDENCE, ROUNDING, sums_of

RESAMPLES = 2000
"""Bootstrap samples; the error moves by 1.6 % with others."""

AT_ONCE = 250
"""Samples whose counts and scores are in memory as numbers of eight bytes."""

Drawn = Literal["pre-training seeds", "fine-tuning seeds", "runs", "none"]
"""What is drawn anew beside examples."""


class MultiBootstrap(JsonRecord):
    """A difference over new seeds and new examples.

    interval: estimate ± t · error, where error is the bootstrap's standard error. Samples of n
    things vary less than they should by the factor (n - 1) / n, which is put back for seeds and for
    examples, and `degrees` of t are those of both together (Satterthwaite 1946). Plain percentiles,
    as in Sellam et al. 2022, are far too narrow for the three seeds that many have: make
    bench-statistics. p: two-sided, of the same t; None where nothing varies.
    """

    interval: tuple[float, float]
    error: float
    p: float | None
    degrees: float | None
    seeds: Drawn
    number: int  # of those seeds, of the arm with fewer
    clusters: int  # what is drawn of examples: clusters, or single ones; of tasks, the fewest
    examples_error: float = 0.0  # the part of `error` that no number of such seeds takes away

    @property
    def examples_limit(self) -> bool:
        """Whether zero would be inside on these examples, however many seeds there were."""
        half = float(stdtrit(self.clusters - 1, (1 + CONFIDENCE) / 2)) * self.examples_error
        return abs(sum(self.interval) / 2) <= half


@dataclass(frozen=True)
class Resampled:
    """What an arm scores, by seed: as observed, [seeds], and in samples of examples, [B, seeds]."""

    observed: np.ndarray
    samples: np.ndarray
    clusters: int

    @classmethod
    def mean(cls, tasks: "Sequence[Resampled]") -> "Resampled":
        """Each seed's mean over tasks, whose examples were drawn apart.

        Their clusters are those of the task with the fewest: its samples vary too little by as many
        as it has, however many others have, and of one cluster they don't vary at all.
        """
        return cls(
            np.mean([task.observed for task in tasks], axis=0),
            np.mean([task.samples for task in tasks], axis=0),
            min(task.clusters for task in tasks),
        )


class ExampleSamples:
    """Bootstrap samples of N examples, a function of what they are `of`: all arms share them."""

    def __init__(self, examples: int, clusters: np.ndarray | None = None, of: str = "") -> None:
        """`clusters` are numbers of each example's, [N]; without them each is its own."""
        self.clusters = (
            np.arange(examples) if clusters is None else np.unique(clusters, False, True)[1]
        )
        self.number = int(self.clusters.max()) + 1
        random = np.random.Generator(np.random.Philox(key=int(key(0, "examples", of))))
        self.counts = np.empty((RESAMPLES, self.number), np.uint16)
        for counts in self.counts:
            drawn = random.integers(0, self.number, self.number)
            counts[:] = np.bincount(drawn, minlength=self.number)
        """How often each cluster is in each sample, [B, clusters]."""

    def resample(
        self,
        statistics: np.ndarray,
        seeds: Sequence[int],
        score: Callable[[np.ndarray], np.ndarray],
    ) -> Resampled:
        """Score the samples of an arm, float64 [N, runs, M]; `score` is that of a metric.

        `seeds` are those that runs belong to: scores of one are averaged.
        """
        number = np.unique(np.asarray(seeds), return_inverse=True)[1]
        averaged = np.eye(number.max() + 1)[number] / np.bincount(number)[number, None]
        sums = sums_of(statistics.reshape(len(statistics), -1), self.clusters)
        sizes = np.bincount(self.clusters)
        samples = []
        for start in range(0, RESAMPLES, AT_ONCE):
            counts = self.counts[start : start + AT_ONCE].astype(np.float64)
            means = (counts @ sums) / (counts @ sizes)[:, None]
            samples.append(score(means.reshape(-1, *statistics.shape[1:])) @ averaged)
        observed = score(statistics.mean(axis=0)) @ averaged
        return Resampled(observed, np.concatenate(samples), self.number)


def multi_bootstrap(
    first: Resampled, second: Resampled, seeds: Drawn, *, paired: bool = True
) -> MultiBootstrap:
    """The difference of two arms on the same examples, first - second.

    Paired, the same seeds of both are drawn together, and there must be as many.
    """
    if paired:
        arms = [(first.observed - second.observed, first.samples - second.samples)]
    else:
        arms = [(first.observed, first.samples), (-second.observed, -second.samples)]
    random = np.random.Generator(np.random.Philox(key=int(key(0, "seeds"))))
    estimate = sum(float(observed.mean()) for observed, _ in arms)
    joint, over_examples = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    parts: list[tuple[float, int]] = []  # variance over seeds and its degrees of freedom
    lacking = of_runs = 0.0
    for observed, samples in arms:
        number = len(observed)
        weights = random.multinomial(number, np.full(number, 1 / number), RESAMPLES) / number
        joint += (weights * samples).sum(axis=1)
        over_examples += samples.mean(axis=1)
        if number > 1:
            # What examples do to single runs, and not to all of them alike.
            single, mean = float(samples.var(axis=0).mean()), float(samples.mean(axis=1).var())
            of_runs += (single - mean) / (number - 1)
            variance = float(observed.var()) / number
            lacking += variance / (number - 1)
            parts.append((variance * number / (number - 1), number - 1))
    of_examples = max(0.0, float(over_examples.var()) - of_runs)
    if first.clusters > 1:
        lacking += float(over_examples.var()) / (first.clusters - 1)
        of_examples *= first.clusters / (first.clusters - 1)
    variance = float(joint.var()) + lacking
    number = min(len(first.observed), len(second.observed))
    about = {"seeds": seeds if number > 1 else "none", "number": number, "clusters": first.clusters}
    if variance**0.5 <= ROUNDING:
        return MultiBootstrap(
            interval=(estimate, estimate), error=0.0, p=None, degrees=None, **about
        )
    rest = max(0.0, variance - sum(part for part, _ in parts))
    parts.append((rest, max(1, first.clusters - 1)))
    degrees = variance**2 / sum(part**2 / free for part, free in parts)
    error = variance**0.5
    half = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error
    return MultiBootstrap(
        interval=(estimate - half, estimate + half),
        error=error,
        p=float(2 * stdtr(degrees, -abs(estimate) / error)),
        degrees=float(degrees),
        examples_error=of_examples**0.5,
        **about,
    )
