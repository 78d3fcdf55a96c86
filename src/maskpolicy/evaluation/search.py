"""The search of fine-tuning's settings, and what it found; importing this module loads nothing
heavy.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from maskpolicy.artefacts import write_json
from maskpolicy.errors import Diverged, counted
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.records import JsonRecord

SEARCH_FILE = "search.json"
"""Its name, beside the folders of the runs that it was made for."""

Axis = Literal["learning_rate", "steps", "batch_size"]
"""What may be searched."""


@dataclass(frozen=True)
class Setting:
    """What a run is fine-tuned with, as far as it is searched; None what the configuration says."""

    learning_rate: float
    steps: int | None = None
    batch_size: int | None = None


@dataclass(frozen=True)
class Grid:
    """The settings to choose from: each learning rate with each number of steps, and then the best
    of those with each batch size.

    `batch_sizes` begin with the one that the learning rates are tried with; empty where it is not
    searched, as `steps`.
    """

    learning_rates: tuple[float, ...]
    steps: tuple[int, ...] = ()
    batch_sizes: tuple[int, ...] = ()

    @property
    def first(self) -> list[Setting]:
        """What is tried first, in ascending order."""
        steps: Sequence[int | None] = sorted(self.steps) or [None]
        batch_size = next(iter(self.batch_sizes), None)
        rates = sorted(self.learning_rates)
        return [Setting(rate, some, batch_size) for rate, some in product(rates, steps)]

    def then(self, best: Setting) -> list[Setting]:
        """What is tried after those, of which one was the best."""
        return [replace(best, batch_size=size) for size in sorted(self.batch_sizes[1:])]

    @property
    def every(self) -> list[Setting]:
        """What may be tried."""
        return [*self.first, *(setting for best in self.first for setting in self.then(best))]

    @property
    def single(self) -> Setting | None:
        """The only setting, where there is nothing to choose."""
        return self.first[0] if len(self.every) == 1 else None


class Search(JsonRecord):
    """The settings that runs are fine-tuned with, and the scores on dev that chose them."""

    learning_rate: float
    steps: int | None = None  # where several were tried
    batch_size: int | None = None  # likewise
    metric: MetricName
    dev: list[dict[str, Any]]
    # setting and score of each that was tried, ascending, batch sizes last; none where there was
    # only one; of one that diverged, what was said of it, as `diverged`, in place of a score
    decoding: str | None = None  # of the predictions of dev, where it is not that of the runs

    @property
    def setting(self) -> Setting:
        """What was chosen."""
        return Setting(self.learning_rate, self.steps, self.batch_size)

    @property
    def axes(self) -> list[Axis]:
        """What was searched: the learning rate, and what else has several values."""
        return [axis for axis in get_args(Axis) if getattr(self, axis) is not None]

    @property
    def grid(self) -> list[float]:
        """The rates to choose from, ascending."""
        return self.values("learning_rate")

    @property
    def tied(self) -> bool:
        """Whether another rate did as well on dev as the one that was chosen."""
        return self.tied_in("learning_rate")

    def values(self, axis: Axis) -> list[float]:
        """What there was to choose from, ascending."""
        return sorted({tried[axis] for tried in self.dev}) or [getattr(self, axis)]

    def tied_in(self, axis: Axis) -> bool:
        """Whether another value did as well on dev as the one that was chosen.

        Batch sizes were compared with the best rate and steps, and those with one batch size.
        """
        if axis == "batch_size":
            fixed = {key: getattr(self, key) for key in ("learning_rate", "steps")}
        else:
            fixed = {"batch_size": self.dev[0].get("batch_size")} if self.dev else {}
        compared = [
            tried
            for tried in self.dev
            if self.metric in tried and all(tried.get(key) == fixed[key] for key in fixed)
        ]
        best = max((tried[self.metric] for tried in compared), default=0.0)
        return len({tried[axis] for tried in compared if tried[self.metric] == best}) > 1

    def write(self, path: Path) -> None:
        """Write the record, without what it has nothing to say of."""
        write_json(path, self.model_dump(mode="json", exclude_none=True))


def search(grid: Grid, metric: MetricName, dev_score: Callable[[Setting], float]) -> Search:
    """Try the settings of a grid and choose the one with the best score on dev.

    The same routine for every arm (Ye et al. 2021, B.2): first the learning rate, for summaries
    with the number of steps, then the batch size. Ties go to the smaller rate, as it changes the
    model less, then to the fewer steps and the smaller batches: of equals a fixed rule has to take
    one. A setting for which `dev_score` raises Diverged is the worst one, which stderr says; raises
    Diverged where all of the first ones are.
    """
    scores = {setting: _score(setting, dev_score) for setting in grid.first}
    if all(isinstance(score, Diverged) for score in scores.values()):
        raise Diverged(
            f"{counted(len(scores), 'setting')} tried, and all diverged: give `learning_rates`"
            f" lower than {grid.first[0].learning_rate:g}"
        )

    def worth(setting: Setting) -> float:
        score = scores[setting]
        return -inf if isinstance(score, Diverged) else score

    best = max(scores, key=worth)  # of equals the first
    scores |= {setting: _score(setting, dev_score) for setting in grid.then(best)}
    by_size = sorted([best, *grid.then(best)], key=lambda setting: setting.batch_size or 0)
    return _found(max(by_size, key=worth), metric, scores)


def _score(setting: Setting, dev_score: Callable[[Setting], float]) -> float | Diverged:
    try:
        return dev_score(setting)
    except Diverged as error:
        print(f"{error}; the search goes on without it", file=sys.stderr)
        return error


def only_setting(setting: Setting, metric: MetricName) -> Search:
    """The result where there is one setting to choose from, which nobody needs to try."""
    return _found(setting, metric, {})


def _found(best: Setting, metric: MetricName, scores: Mapping[Setting, float | Diverged]) -> Search:
    dev = [
        _known(setting)
        | ({"diverged": str(score)} if isinstance(score, Diverged) else {metric: score})
        for setting, score in scores.items()
    ]
    return Search(**_known(best), metric=metric, dev=dev)


def _known(setting: Setting) -> dict[str, Any]:
    return {axis: value for axis, value in asdict(setting).items() if value is not None}
