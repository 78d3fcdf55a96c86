"""How policies differ in what they mask (Ye et al. 2021, section 6): counted, drawn and written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from maskpolicy.analysis.mask_counts import ArmMasks, MaskCounts, count_masks, jaccard
from maskpolicy.analysis.mask_figures import (
    ENTITY_COLOURS,
    NO_ENTITY,
    PART_OF_SPEECH_COLOURS,
    draw_budgets,
    draw_frequencies,
    draw_overlap,
    draw_shares,
)
from maskpolicy.analysis.mask_frequency import binned, frequencies, ranked_types
from maskpolicy.analysis.specs import MaskAnalysis
from maskpolicy.corpora.shards import ENTITY_LABELS, PARTS_OF_SPEECH
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.decisions.budgets import read_budgets
from maskpolicy.drawing.pictures import write_images, write_picture
from maskpolicy.text_files import write_rows

CORPUS = "(the corpus)"
"""Stands beside the arms, none of which can have the name."""


def analyse_masks(
    masks: ArmMasks, tokenizer_folder: Path, spec: MaskAnalysis, title: str, folder: Path
) -> None:
    """Draw what each of at least one arm masks, from stored decisions and annotations alone.

    Writes NAME.svg, NAME.png and NAME.csv to `folder` for each NAME of

    - masked-parts-of-speech (Ye et al. 2021, figure 3) and masked-entities, beside the corpus;
    - mask-frequency (their figure 4): how often each token is masked, against its rank in the
      corpus; mask-frequency-slopes.csv has the slopes;
    - mask-overlap: the Jaccard coefficient of every two arms, and that of their controls;
    - mask-budget: what the arms mask of the whole corpus in all epochs.

    Raises ArtefactError, naming the file, when one is missing, damaged or of other rows.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    budgets = read_budgets(masks.manifests)
    counts = count_masks(masks, spec, tokenizer.vocabulary_size, title)
    about = f"{counts.rows:,} of {counts.all_rows:,} rows, {masks.epochs} masks of each"

    counted = {CORPUS: counts.corpus, **counts.arms}
    _write_shares(
        {bar: _named(PARTS_OF_SPEECH, each.parts_of_speech) for bar, each in counted.items()},
        PART_OF_SPEECH_COLOURS,
        "part_of_speech",
        f"Parts of speech of masked tokens\n{about}",
        folder / "masked-parts-of-speech",
    )
    _write_shares(
        {bar: _named((*ENTITY_LABELS, NO_ENTITY), each.entities) for bar, each in counted.items()},
        ENTITY_COLOURS,
        "entity",
        f"Entities that masked tokens are part of\n{about}",
        folder / "masked-entities",
    )
    _write_frequencies(counts, tokenizer, about, folder)
    _write_overlap(counts, about, folder)
    rows = [
        {
            "arm": arm,
            **budget.model_dump(),
            "rate": round(budget.rate, 6),
            "masked_per_row": round(budget.masked_per_row, 6),
            "mean_span": round(budget.mean_span, 6),
        }
        for arm, budget in budgets.items()
    ]
    drawn = draw_budgets(budgets, "What is masked of the whole corpus, in all epochs")
    write_picture(folder, "mask-budget", drawn, rows)


def _named(kinds: Sequence[str], counts: np.ndarray) -> dict[str, int]:
    return dict(zip(kinds, counts.tolist(), strict=True))


def _write_shares(
    counted: Mapping[str, Mapping[str, int]],
    colours: Mapping[str, str],
    kind: str,
    title: str,
    path: Path,
) -> None:
    shares = {
        bar: {name: count / max(1, sum(counts.values())) for name, count in counts.items()}
        for bar, counts in counted.items()
    }
    rows = [
        {"arm": bar, kind: name, "tokens": count, "share": round(shares[bar][name], 6)}
        for bar, counts in counted.items()
        for name, count in counts.items()
    ]
    write_picture(path.parent, path.name, draw_shares(shares, colours, title), rows)


def _write_frequencies(counts: MaskCounts, tokenizer: Tokenizer, about: str, folder: Path) -> None:
    name = "mask-frequency"
    ranked = ranked_types(counts.corpus.types)
    of_arms = {arm: each.types[ranked] for arm, each in counts.arms.items()}
    by_rank = {arm: frequencies(times) for arm, times in of_arms.items()}
    bins = {arm: binned(of_arm) for arm, of_arm in by_rank.items()}
    of_corpus = counts.corpus.types[ranked]
    corpus = binned(frequencies(of_corpus))
    title = f"How often tokens are masked, by their frequency\n{about}"
    rows = [
        {
            "rank": rank,
            "id": token,
            "token": tokenizer.decode([token]),
            CORPUS: of_corpus[rank - 1],
            **{arm: times[rank - 1] for arm, times in of_arms.items()},
        }
        for rank, token in enumerate(ranked.tolist(), start=1)
    ]
    write_images(folder, name, draw_frequencies(by_rank, bins, corpus, title))
    write_rows(folder / f"{name}.csv", ["rank", "id", "token", CORPUS, *of_arms], rows)
    slopes = [
        {"arm": arm, "slope": None if each.slope is None else round(each.slope, 4)}
        for arm, each in {CORPUS: corpus, **bins}.items()
    ]
    write_rows(folder / f"{name}-slopes.csv", ["arm", "slope"], slopes)


def _write_overlap(counts: MaskCounts, about: str, folder: Path) -> None:
    name, arms = "mask-overlap", list(counts.arms)
    overlap, by_chance = jaccard(counts.shared), jaccard(counts.shared_by_chance)
    title = (
        "Tokens that both arms mask, of those that either masks (%)\n"
        f"below: the arms; above: their controls, by chance\n{about}"
    )
    write_images(folder, name, draw_overlap(arms, overlap, by_chance, title))
    rows = [
        {
            "arm": arms[one],
            "other": arms[other],
            "jaccard": round(overlap[one, other], 6),
            "by_chance": round(by_chance[one, other], 6),
        }
        for one, other in zip(*np.triu_indices(len(arms), 1), strict=True)
    ]
    write_rows(folder / f"{name}.csv", ["arm", "other", "jaccard", "by_chance"], rows)
