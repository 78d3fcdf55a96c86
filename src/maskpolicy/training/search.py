"""What a search of the learning rate found; importing this module loads nothing heavy."""

from collections.abc import Mapping
from pathlib import Path

from maskpolicy.artefacts import write_json
from maskpolicy.evaluation.specs import MetricName


def write_search(output: Path, metric: MetricName, scores: Mapping[float, float]) -> None:
    """Write the scores on dev of the learning rates that were tried, and the best rate.

    The same routine for every arm (Ye et al. 2021, B.2); ties go to the smaller rate.
    """
    tried = dict(sorted(scores.items()))
    dev = [{"learning_rate": rate, metric: score} for rate, score in tried.items()]
    best = max(tried, key=tried.__getitem__)
    write_json(output, {"learning_rate": best, "metric": metric, "dev": dev})


def write_only_rate(output: Path, metric: MetricName, rate: float) -> None:
    """Write the result of a search that has one rate to choose from, which nobody needs to try."""
    write_json(output, {"learning_rate": rate, "metric": metric, "dev": []})
