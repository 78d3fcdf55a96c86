"""What a search of the learning rate found; importing this module loads nothing heavy."""

from collections.abc import Mapping
from pathlib import Path

from maskpolicy.evaluation.specs import MetricName
from maskpolicy.records import JsonRecord

SEARCH_FILE = "search.json"
"""Its name, in the folder that has a folder for each run with the rate."""


class Search(JsonRecord):
    """The learning rate that runs are fine-tuned with, and the scores on dev that chose it."""

    learning_rate: float
    metric: MetricName
    dev: list[dict[str, float]]
    # learning_rate and score of each that was tried, ascending; none where there was only one

    @property
    def grid(self) -> list[float]:
        """The rates to choose from, ascending."""
        return [tried["learning_rate"] for tried in self.dev] or [self.learning_rate]

    @property
    def tied(self) -> bool:
        """Whether another rate did as well on dev as the one that was chosen."""
        scores = [tried[self.metric] for tried in self.dev]
        return scores.count(max(scores, default=0.0)) > 1


def write_search(output: Path, metric: MetricName, scores: Mapping[float, float]) -> None:
    """Write the scores on dev of the learning rates that were tried, and the best rate.

    The same routine for every arm (Ye et al. 2021, B.2). Ties go to the smaller rate: it changes
    the model less, and of equals a fixed rule has to take one.
    """
    tried = dict(sorted(scores.items()))
    dev = [{"learning_rate": rate, metric: score} for rate, score in tried.items()]
    best = max(tried, key=tried.__getitem__)  # of equals the first
    Search(learning_rate=best, metric=metric, dev=dev).write(output)


def write_only_rate(output: Path, metric: MetricName, rate: float) -> None:
    """Write the result of a search that has one rate to choose from, which nobody needs to try."""
    Search(learning_rate=rate, metric=metric, dev=[]).write(output)
