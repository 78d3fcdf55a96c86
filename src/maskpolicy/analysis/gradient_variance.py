"""The stage that measures how gradients vary with masks: figures, their data, and a verdict."""

from collections.abc import Sequence
from pathlib import Path

from maskpolicy.analysis.covariance import Measurements, measure_covariances
from maskpolicy.analysis.estimates import Estimate, VarianceSummary, pair_covariances, summarise
from maskpolicy.analysis.gradients import MaskGradients
from maskpolicy.analysis.mask_sets import MiniBatch, choose_rows, draw_masks
from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.analysis.variance_figures import draw_covariance, draw_distributions, draw_variances
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.rendering import SpecialIds, load_tokens
from maskpolicy.drawing.pictures import write_picture
from maskpolicy.errors import InputError
from maskpolicy.models.devices import choose_device
from maskpolicy.models.encoder import load_masked_lm, longest_input
from maskpolicy.progress import work_progress


def measure_gradient_variance(
    checkpoint: Path,
    tokenizer_folder: Path,
    shards: Sequence[Path],
    *,
    spec: VarianceAnalysis,
    seed: int,
    title: str,
    output: Path,
) -> None:
    """Measure the gradients of a checkpoint under many masks and write the folder `output`.

    It holds three figures, each as PNG and SVG with its data as CSV: covariance-distribution and
    covariance-by-distance (Zheng et al. 2020, figures 2 and 3) and variance-by-masks (theorem 1),
    and a manifest.json with everything the summary says. The same inputs give the same numbers on
    the same machine.

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
    model.to(choose_device())  # type: ignore[arg-type]  # a decorator's type forgets `self`
    special = SpecialIds.of(tokenizer)
    gradients = MaskGradients(model, special, spec.parameters, spec.batch_size)
    with work_progress(f"{title} (masks)", masks.number) as advance:
        measured = measure_covariances(gradients, sequences, masks, spec.batch_size, advance)
    summary = summarise(measured, spec, seed)
    covariances = pair_covariances(measured)
    checkpoint_name = spec.model if spec.start is None else f"{spec.model} ({spec.start})"
    about = (
        f"{checkpoint_name} on {spec.corpus}: {spec.rows} sequences of {spec.length} tokens, "
        f"{spec.masked} masked"
    )
    with atomic_directory(output) as folder:
        write_picture(
            folder,
            "covariance-distribution",
            draw_distributions(summary, covariances, about),
            _pair_rows(sequences, spec, measured),
        )
        write_picture(
            folder,
            "covariance-by-distance",
            draw_covariance(summary, about),
            _distance_rows(summary),
        )
        write_picture(
            folder,
            "variance-by-masks",
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


def _pair_rows(
    sequences: MiniBatch, spec: VarianceAnalysis, measured: Measurements
) -> list[dict[str, int | float]]:
    """Every pair of masks; covariances in (nats per weight)², beside the variance in its row."""
    return [
        {
            "row": row,
            "variance": variance,
            "pair": number,
            "distance": 2 * exchanged,
            "covariance": covariance,
        }
        for row, variance, pairs in zip(
            sequences.rows.tolist(),
            measured.variance.tolist(),
            measured.pairs.tolist(),
            strict=True,
        )
        for number, pair in enumerate(pairs)
        for exchanged, covariance in zip(spec.exchanged, pair, strict=True)
    ]


def _distance_rows(summary: VarianceSummary) -> list[dict[str, int | float]]:
    return [
        {
            "distance": each.distance,
            **_columns("mean", each.covariance),
            "independent_tokens": each.independent_tokens,
            **{f"quantile_{share}": value for share, value in each.quantiles.items()},
        }
        for each in summary.distances
    ]


def _group_rows(summary: VarianceSummary) -> list[dict[str, int | float]]:
    return [
        {
            "masks": group.masks,
            **_columns("independent", group.independent),
            "independent_predicted": group.independent_predicted,
            **_columns("fully_explored", group.fully_explored),
            **_columns("fully_explored_predicted", group.fully_explored_predicted),
            **_columns("ratio", group.ratio),
            **_columns("ratio_predicted", group.ratio_predicted),
        }
        for group in summary.groups
    ]


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
