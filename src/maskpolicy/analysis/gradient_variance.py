"""The stage that measures how gradients vary with masks: figures, their data, and a verdict."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from maskpolicy.analysis.covariance import Measurements, measure_covariances
from maskpolicy.analysis.estimates import VarianceSummary, pair_covariances, summarise
from maskpolicy.analysis.gradients import MaskGradients
from maskpolicy.analysis.mask_sets import MiniBatch, choose_rows, draw_masks
from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.analysis.variance_figures import (
    Picture,
    draw_covariance,
    draw_distributions,
    draw_variances,
)
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption import SpecialIds, load_tokens
from maskpolicy.errors import InputError
from maskpolicy.models.encoder import load_masked_lm, longest_input
from maskpolicy.progress import work_progress
from maskpolicy.training.loop import choose_device


def measure_gradient_variance(
    checkpoint: Path,
    tokenizer_folder: Path,
    shards: Sequence[Path],
    spec: VarianceAnalysis,
    seed: int,
    title: str,
    output: Path,
) -> None:
    """Measure the gradients of a checkpoint under many masks and write the folder `output`.

    It holds three figures, each as PNG and SVG with its data as CSV: covariance-distribution and
    covariance-by-distance (paper B, figures 2 and 3) and variance-by-masks (theorem 1), and a
    manifest.json with everything the summary says. The same inputs give the same numbers on the
    same machine.

    Raises InputError, naming the key, when the corpus or the model do not fit the analysis, and
    ArtefactError, naming the file, when an input can't be read.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    model = load_masked_lm(checkpoint)
    if spec.length + 2 > longest_input(model):
        raise InputError(
            f"length: {spec.length} tokens and two special ones are more than the "
            f"{longest_input(model)} that the model takes"
        )
    sequences = choose_rows(load_tokens(shards), spec.length, spec.rows, seed)
    masks = draw_masks(sequences, spec, seed)
    gradients = MaskGradients(
        model.to(choose_device()), SpecialIds.of(tokenizer), spec.parameters, spec.batch_size
    )
    with work_progress(f"{title} (masks)", masks.number) as advance:
        measured = measure_covariances(gradients, sequences, masks, spec.batch_size, advance)
    summary = summarise(measured, spec, seed)
    covariances = pair_covariances(measured)
    about = (
        f"{spec.model} on {spec.corpus}: {spec.rows} sequences of {spec.length} tokens, "
        f"{spec.masked} masked"
    )
    with atomic_directory(output) as folder:
        _write_picture(
            folder / "covariance-distribution",
            draw_distributions(summary, covariances, about),
            _pair_rows(sequences, spec, measured),
        )
        _write_picture(
            folder / "covariance-by-distance",
            draw_covariance(summary, about),
            _distance_rows(summary),
        )
        _write_picture(
            folder / "variance-by-masks",
            draw_variances(summary, about),
            _group_rows(summary),
        )
        write_manifest(
            folder / "manifest.json",
            sorted(folder.iterdir()),
            analysis=spec.model_dump(mode="json"),
            seed=seed,
            gradients=masks.number,
            parameters=gradients.names,
            gradient_size=gradients.size,
            **summary.model_dump(mode="json"),
        )
    print("\n".join(summary.verdict))


def _write_picture(stem: Path, picture: Picture, rows: Iterable[Sequence]) -> None:
    svg, png = picture
    stem.with_suffix(".svg").write_text(svg, encoding="utf-8")
    stem.with_suffix(".png").write_bytes(png)
    with stem.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _pair_rows(
    sequences: MiniBatch, spec: VarianceAnalysis, measured: Measurements
) -> Iterable[Sequence]:
    """Every pair of masks; covariances in (nats per weight)², and the variance of its row."""
    yield "row", "variance", "pair", "distance", "covariance"
    for row, variance, pairs in zip(
        sequences.rows.tolist(), measured.variance.tolist(), measured.pairs, strict=True
    ):
        for number, pair in enumerate(pairs.tolist()):
            for exchanged, covariance in zip(spec.exchanged, pair, strict=True):
                yield row, variance, number, 2 * exchanged, covariance


def _distance_rows(summary: VarianceSummary) -> Iterable[Sequence]:
    quantiles = summary.distances[0].quantiles
    yield (
        *("distance", "mean", "low", "high", "independent_tokens"),
        *(f"quantile_{quantile}" for quantile in quantiles),
    )
    for each in summary.distances:
        mean = each.covariance
        yield (
            *(each.distance, mean.value, mean.low, mean.high, each.independent_tokens),
            *each.quantiles.values(),
        )


def _group_rows(summary: VarianceSummary) -> Iterable[Sequence]:
    estimates = ("independent", "fully_explored", "fully_explored_predicted", "ratio")
    bounds = [f"{name}{end}" for name in estimates for end in ("", "_low", "_high")]
    yield "masks", "independent_predicted", "ratio_predicted", *bounds
    for group in summary.groups:
        values = [getattr(group, name) for name in estimates]
        yield (
            *(group.masks, group.independent_predicted, group.ratio_predicted.value),
            *(bound for each in values for bound in (each.value, each.low, each.high)),
        )
