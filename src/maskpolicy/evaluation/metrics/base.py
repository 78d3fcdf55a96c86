"""What a metric is: statistics of every example, and the score of their means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import ClassVar, Protocol

import numpy as np


@dataclass(frozen=True)
class ExampleMetric:
    """A named metric of single examples.

    `label` heads its column in tables; `settings` says how the score is made, in the manner of
    sacrebleu (Post 2018), so that two figures can be compared only when their signatures agree.
    """

    name: str
    label: str
    about: str
    settings: str
    citation: str = field(default="", kw_only=True)
    match: Callable[[str, str], float]
    """(prediction, one acceptable answer) -> score in [0, 1]."""
    package: str | None = None

    decoded: ClassVar[bool] = True
    """Whether what it scores is decoded, so that how it is belongs to a score's signature."""

    @property
    def signature(self) -> str:
        """Name, settings and version, separated by `|`."""
        made_by = f"{self.package}:{version(self.package)}" if self.package else "version:1"
        return f"{self.name}|{self.settings}|answers:max|{made_by}"

    def score_example(self, prediction: str, answers: Sequence[str]) -> float:
        """The score of one prediction in [0, 1], the best over `answers`.

        Raises ValueError for an example without answers.
        """
        if not answers:
            raise ValueError("an example without acceptable answers can't be scored")
        return max(self.match(prediction, answer) for answer in answers)

    def statistics(
        self,
        predictions: Sequence[str],
        answers: Sequence[Sequence[str]],
        labels: Sequence[str] = (),
    ) -> np.ndarray:
        """The score of every example, float64 [N, 1], whatever `labels` the task knows.

        Raises as :meth:`score_example`.
        """
        pairs = zip(predictions, answers, strict=True)
        return np.array([[self.score_example(p, a)] for p, a in pairs], np.float64).reshape(-1, 1)

    def score(self, means: np.ndarray) -> np.ndarray:
        """The score of a split by the means of its statistics, [..., 1] -> [...] in [0, 1]."""
        return means[..., 0]


class SplitStatistics(Protocol):
    """What the score of a split is made of."""

    def __call__(
        self,
        predictions: Sequence[str],
        answers: Sequence[Sequence[str]],
        labels: Sequence[str] = (),
    ) -> np.ndarray:
        """(N predictions, N lists of one answer) -> float64 [N, M]; ValueError for other answers.

        M is that of other predictions of the same examples if `labels` are all that the task knows.
        """
        ...


@dataclass(frozen=True)
class SplitMetric:
    """A named metric of a whole split, of examples with one answer each; 0 where undefined.

    Undefined is 0 / 0: a constant prediction, a label that is nowhere. `label` and `settings` are
    as in :class:`ExampleMetric`.
    """

    name: str
    label: str
    about: str
    settings: str
    citation: str = field(default="", kw_only=True)
    statistics: SplitStatistics
    score: Callable[[np.ndarray], np.ndarray]
    """Means of statistics, float64 [..., M] -> scores [...], of correlations in [-1, 1]."""

    decoded: ClassVar[bool] = True

    @property
    def signature(self) -> str:
        """Name, settings and version, separated by `|`."""
        return f"{self.name}|{self.settings}|version:1"


Metric = ExampleMetric | SplitMetric


def only_answers(answers: Sequence[Sequence[str]]) -> list[str]:
    """The one answer of each example. Raises ValueError where there is not exactly one."""
    for some in answers:
        if len(some) != 1:
            raise ValueError(f"a metric of a whole split needs one answer an example: {some!r}")
    return [answer for (answer,) in answers]
