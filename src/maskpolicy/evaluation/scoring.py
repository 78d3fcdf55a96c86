"""The stage that scores runs: from what they predict to their metrics, in seconds."""

from collections.abc import Sequence
from pathlib import Path

from maskpolicy.artefacts import sha256
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.metrics.base import Metric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.predictions import DEV, PREDICTIONS, TEST, PredictedRun, Predictions
from maskpolicy.evaluation.runs import METRICS_FILE, STATISTICS_FILE, ExampleStatistics, Run


def score_runs(manifests: Sequence[Path], metrics: Sequence[str]) -> None:
    """Score the predictions beside each manifest, on test and on dev.

    Writes `statistics.arrow` and `metrics.json` there; the latter comes last: where it is, the run
    is whole. Raises ArtefactError, naming the file that can't be read, or whose answers a metric
    can't be of.
    """
    for manifest in manifests:
        _score_run(manifest.parent, PredictedRun.read(manifest), metrics)


def _score_run(folder: Path, run: PredictedRun, metrics: Sequence[str]) -> None:
    predicted = {split: Predictions.read(folder / PREDICTIONS[split]) for split in (DEV, TEST)}
    dev, test = (
        _scored(folder / PREDICTIONS[split], some, run.labels, metrics)
        for split, some in predicted.items()
    )
    test.write(folder / STATISTICS_FILE)
    Run(
        **run.model_dump(exclude={"decoding", "labels", "fingerprint"}),
        split=TEST,
        examples=len(test.ids),
        metrics=test.scores,
        dev=dev.scores,
        signatures={name: _signature(find_metric(name), run.decoding) for name in metrics},
        predictions_sha256=sha256(folder / PREDICTIONS[TEST]),
        only_prediction=predicted[TEST].only,
    ).write(folder / METRICS_FILE)


def _signature(metric: Metric, decoding: str) -> str:
    return f"{metric.signature}|{decoding}" if metric.decoded and decoding else metric.signature


def _scored(
    path: Path, examples: Predictions, labels: Sequence[str], metrics: Sequence[str]
) -> ExampleStatistics:
    try:
        return ExampleStatistics.of(examples, metrics, labels)
    except ValueError as error:
        raise ArtefactError(f"{path} can't be scored: {error}") from None
