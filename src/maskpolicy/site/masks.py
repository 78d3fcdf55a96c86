"""The masks of a study as its site shows them: the same passages under every policy and epoch."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, takewhile
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from maskpolicy.arms import NO_POLICY
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.corpora.row_texts import place_tokens
from maskpolicy.corpora.shards import (
    ENTITY_LABELS,
    PARTS_OF_SPEECH,
    TokenBatch,
    read_token_batches,
)
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.decisions.budgets import MaskedCorpusFacts, read_budgets
from maskpolicy.decisions.files import decision_file, next_decisions, read_decisions
from maskpolicy.reporting.show_masks import PlacedTokens
from maskpolicy.site.pages import write_part
from maskpolicy.site.results import StudyResults

MOST_TOKENS = 250_000
"""That are read, from the beginning of a corpus: to find them in the text takes seconds."""

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"

MOST_PASSAGES = 2000
MOST_SHOWN = 24_000_000
"""Tokens times arms times epochs that a page holds: 3 MB of bits."""


@dataclass(frozen=True)
class MaskFiles:
    """Where the masks of one corpus lie, as one tokenizer reads it."""

    corpus: str
    tokenizer: str
    shards: tuple[Path, ...]
    annotations: Path
    documents: Path
    tokenizer_folder: Path
    arms: Mapping[str, Path]  # arm -> folder of its masks

    @property
    def name(self) -> str:
        """What its page and its data are called."""
        return f"{self.corpus}.{self.tokenizer}"

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"masks-{self.name}.html"


def corpus_read(results: StudyResults, model: str, stage: str) -> tuple[str, str]:
    """The corpus that a stage reads, and the tokenizer of a model, as which it does."""
    study = results.study
    return study.intermediate[stage].corpus, study.models[model].tokenizer


def has_masks(results: StudyResults, read: tuple[str, str], arm: str) -> bool:
    """Whether an arm has masks of all shards, and what counts them."""
    plan, folder = results.plan, results.at(results.plan.masks(*read, arm))
    shards = [results.at(manifest) for manifest in plan.masks_of_shards(*read, arm)]
    said = [*shards, *map(results.at, plan.mask_manifests(*read, arm))]
    first = [decision_file(folder, 0, shard.with_suffix(".arrow")) for shard in shards]
    return all(path.is_file() for path in (*said, *first))


def mask_files(results: StudyResults) -> list[MaskFiles]:
    """The corpora that arms of tables are pre-trained on, with what is there of their masks."""
    study, plan = results.study, results.plan
    arms: dict[tuple[str, str], dict[str, Path]] = {}
    for name in study.tables:
        for _, model, row in results.tables[name].rows:
            if row.arm != NO_POLICY:
                read = corpus_read(results, model, row.stage)
                if has_masks(results, read, row.arm):
                    arms.setdefault(read, {})[row.arm] = results.at(plan.masks(*read, row.arm))
    return [
        MaskFiles(
            corpus=corpus,
            tokenizer=tokenizer,
            shards=tuple(
                results.at(manifest).with_suffix(".arrow")
                for manifest in plan.token_shards(corpus, tokenizer)
            ),
            annotations=results.at(plan.annotations(corpus, tokenizer)),
            documents=results.at(plan.documents(corpus)),
            tokenizer_folder=results.at(f"{study.results}/tokenizers/{tokenizer}"),
            arms=folders,
        )
        for (corpus, tokenizer), folders in arms.items()
    ]


@dataclass(frozen=True)
class MasksRead:
    """How many of the masks that an arm makes of each row a stage reads, and how often.

    Nearly: rows without a decision, which are not read, may lie unevenly over the masks.
    """

    made: int
    passes: float  # over the corpus, each with `copies` masks of each row
    copies: int

    @property
    def epochs(self) -> int:
        """The masks that were read; of a pass that ends early all."""
        return min(self.made, ceil(self.passes) * self.copies)

    def __str__(self) -> str:
        said, often = f"{self.epochs} of {self.made} masks", self.passes * self.copies / self.made
        return f"{said}, {often:.1f} × each" if often > 1 else said


def masks_read(results: StudyResults, model: str, stage: str, arm: str) -> MasksRead | None:
    """What a stage reads of the masks of an arm; None of none, or where they are not there."""
    plan, record = results.plan, results.study.intermediate[stage]
    if arm == NO_POLICY:
        return None
    read = corpus_read(results, model, stage)
    if not has_masks(results, read, arm):
        return None
    manifests = [results.at(path) for path in plan.masks_of_shards(*read, arm)]
    (budget,) = read_budgets(manifests).values()
    copies, epochs = results.study.policy(arm).copies, MaskedCorpusFacts.of(manifests).epochs
    rows = (budget.rows - budget.dropped_rows) / len(epochs)
    batches = max(1, ceil(rows * copies / record.batch_size))
    return MasksRead(record.mask_epochs, record.steps / batches, copies)


@dataclass(frozen=True)
class CorpusMasks:
    """B rows from the beginning of a corpus with T tokens, and what its arms mask of them."""

    files: MaskFiles
    total: int  # rows of the corpus
    texts: list[str]
    offsets: np.ndarray  # of their tokens, int64 [B + 1]
    begin: np.ndarray  # of each token in the text of its row, int64 [T]
    end: np.ndarray  # behind it; what is all white space begins where the token before it ends
    white: np.ndarray  # all white space, bool [T]
    title_lengths: np.ndarray  # tokens at the beginning of each row that are its title, int64 [B]
    entities: list[list[tuple[int, int, int]]] | None  # of each row: tokens from, to, label
    parts_of_speech: np.ndarray | None  # uint8 [T]
    masks: Mapping[str, Sequence[np.ndarray]]  # arm -> of each of its epochs T packed bits
    insertions: Mapping[str, Sequence[np.ndarray]]  # likewise, of the arms that make some

    @property
    def tokens(self) -> int:
        """T."""
        return len(self.begin)

    def mask(self, arm: str, epoch: int) -> np.ndarray:
        """What an arm masks in an epoch, bool [T]."""
        return _unpacked(self.masks[arm][epoch], self.tokens)

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Arm -> in how many epochs it masks each token, uint16 [T]."""
        nothing = np.zeros(self.tokens, np.uint16)
        return {
            arm: sum((_unpacked(bits, self.tokens) for bits in epochs), nothing)
            for arm, epochs in self.masks.items()
        }


def read_masks(files: MaskFiles) -> CorpusMasks:
    """Read them, of a large corpus its beginning. Raises ArtefactError, naming a damaged file."""
    batches: list[tuple[int, TokenBatch]] = []
    tokens = 0
    for number, batch in _batches(files):
        batches.append((number, batch))
        tokens += len(batch.input_ids)
        if tokens >= MOST_TOKENS:
            break
    tokenizer, documents = load_tokenizer(files.tokenizer_folder), StoredDocuments(files.documents)
    texts: list[str] = []
    begin, end, white = [], [], []
    for number, batch in batches:
        of_rows, first, last = place_tokens(
            files.shards[number], batch.tokens, documents, tokenizer
        )
        placed = PlacedTokens("".join(of_rows), first, last)
        row_at = np.repeat(np.cumsum([0, *map(len, of_rows)])[:-1], np.diff(batch.offsets))
        from_row = np.maximum(placed.begin - row_at, 0)
        begin.append(from_row)
        end.append(np.maximum(from_row, last - row_at))
        white.append(placed.white)
        texts += of_rows
    masks: dict[str, list[np.ndarray]] = {}
    insertions: dict[str, list[np.ndarray]] = {}
    for arm, folder in files.arms.items():
        for epoch in _epochs(files, folder):
            made, inserted = _decisions(files, folder, epoch, batches)
            masks.setdefault(arm, []).append(made)
            if inserted is not None:
                insertions.setdefault(arm, []).append(inserted)
    lengths = np.concatenate([np.diff(batch.offsets) for _, batch in batches])
    annotated = all(batch.annotations is not None for _, batch in batches)
    return CorpusMasks(
        files=files,
        total=_rows(files),
        texts=texts,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        begin=np.concatenate(begin),
        end=np.concatenate(end),
        white=np.concatenate(white),
        title_lengths=np.concatenate([b.title_lengths.astype(np.int64) for _, b in batches]),
        entities=[row for _, batch in batches for row in _entities(batch)] if annotated else None,
        parts_of_speech=np.concatenate([batch.part_of_speech for _, batch in batches])
        if annotated
        else None,
        masks=masks,
        insertions=insertions,
    )


def shown_rows(masks: CorpusMasks, wanted: np.ndarray) -> np.ndarray:
    """The rows that a page holds, in their order: those `wanted`, then others, each of them lying
    evenly over what was read.
    """
    first = _evenly(np.unique(wanted), MOST_PASSAGES)
    others = np.setdiff1d(np.arange(len(masks.texts)), wanted)
    return np.union1d(first, _evenly(others, MOST_PASSAGES - len(first)))


def write_masks(site: Path, masks: CorpusMasks, shown: np.ndarray) -> dict[str, Any]:
    """Write the data of its page in parts: passages, the masks of an epoch, and those of all.

    Returns what the page says of itself.
    """
    name = f"masks/{masks.files.name}"
    lengths = np.diff(masks.offsets)[shown]
    take = np.concatenate([np.arange(*masks.offsets[row : row + 2]) for row in shown])
    cuts = np.cumsum(lengths)[:-1]
    made = {arm: len(of_arm) for arm, of_arm in masks.masks.items()}
    epochs = _shown_epochs(list(made.values()), len(take))
    about = {
        "name": masks.files.name,
        "arms": list(made),
        "made": made,
        "epochs": epochs,
        "passages": len(shown),
        "rows": masks.total,
        "read": len(masks.texts),
        "entities": [ENTITY_LABELS[i] for i in _labels(masks, shown)],
        "parts_of_speech": []
        if masks.parts_of_speech is None
        else [PARTS_OF_SPEECH[i] for i in np.unique(masks.parts_of_speech[take])],
    }
    passages = {
        "rows": shown.tolist(),  # as `maskpolicy show-masks --row` counts them
        "texts": [visible(masks.texts[row]) for row in shown],
        "begin": [part.tolist() for part in np.split(masks.begin[take], cuts)],
        "end": [part.tolist() for part in np.split(masks.end[take], cuts)],
        "white": np.flatnonzero(masks.white[take]).tolist(),
        "entities": None
        if masks.entities is None
        else [[[*at, ENTITY_LABELS[i]] for *at, i in masks.entities[row]] for row in shown],
        "parts_of_speech": None
        if masks.parts_of_speech is None
        else [
            [PARTS_OF_SPEECH[i] for i in part]
            for part in np.split(masks.parts_of_speech[take], cuts)
        ],
    }
    write_part(site, f"{name}/passages", passages)
    for epoch in range(epochs):
        value = {}
        for arm in (arm for arm in made if epoch < made[arm]):
            value[arm] = {"mask": _base64(_taken(masks.masks[arm][epoch], masks.tokens, take))}
            if arm in masks.insertions:
                bits = _taken(masks.insertions[arm][epoch], masks.tokens, take)
                value[arm]["insertions"] = _base64(bits)
        write_part(site, f"{name}/epoch-{epoch}", value)
    counts = {arm: _base64(masks.counts[arm][take].astype("<u2")) for arm in made}
    write_part(site, f"{name}/all-epochs", counts)
    return about


def about_arms(about: Mapping[str, Any], arms: Sequence[str]) -> dict[str, Any]:
    """What a page says of itself that shows some of the arms."""
    made = {arm: about["made"][arm] for arm in arms}
    epochs = min(about["epochs"], max(made.values()))
    return {**about, "arms": arms, "made": made, "epochs": epochs}


def visible(text: str) -> str:
    """A text in which every character can be seen, as long as it was; line breaks and tabs stay,
    because a masked one is shown as a sign.
    """
    return "".join(
        c
        if c in "\n\t"
        else " "
        if c.isspace()
        else c
        if c.isprintable()
        else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def _batches(files: MaskFiles) -> Iterator[tuple[int, TokenBatch]]:
    for number, shard in enumerate(files.shards):
        annotations = files.annotations / shard.name
        for batch in read_token_batches(shard, annotations if annotations.is_file() else None):
            yield number, batch


def _decisions(
    files: MaskFiles, folder: Path, epoch: int, batches: Sequence[tuple[int, TokenBatch]]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The packed bits of an epoch, and of its insertions where there are any."""
    masks, insertions, readers = [], [], {}
    for number, batch in batches:
        path = decision_file(folder, epoch, files.shards[number])
        if number not in readers:
            readers[number] = read_decisions(path)
        made = next_decisions(readers[number], batch, path, files.shards[number])
        masks.append(made.mask)
        if made.insertions is not None:
            insertions.append(made.insertions)
    packed = _packed(np.concatenate(masks))
    return packed, _packed(np.concatenate(insertions)) if insertions else None


def _epochs(files: MaskFiles, folder: Path) -> Iterator[int]:
    """Those of an arm: another one may have more of the same corpus."""

    def made(epoch: int) -> bool:
        return all(decision_file(folder, epoch, shard).is_file() for shard in files.shards)

    return takewhile(made, count())


def _evenly(rows: np.ndarray, most: int) -> np.ndarray:
    """So many of rows, which lie evenly over them."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), most))
    return rows[places.astype(int)]


def _shown_epochs(made: Sequence[int], tokens: int) -> int:
    """The most epochs of so many tokens that a page holds, of arms that have made so many."""
    for epochs in range(1, max(made)):
        if tokens * sum(min(epochs + 1, of_arm) for of_arm in made) > MOST_SHOWN:
            return epochs
    return max(made)


def _entities(batch: TokenBatch) -> list[list[tuple[int, int, int]]]:
    spans = batch.entities
    all_spans = list(
        zip(spans.start.tolist(), spans.end.tolist(), spans.label.tolist(), strict=True)
    )
    return [
        all_spans[first:last]
        for first, last in zip(spans.offsets[:-1], spans.offsets[1:], strict=True)
    ]


def _labels(masks: CorpusMasks, shown: np.ndarray) -> list[int]:
    return sorted(
        {label for row in shown for _, _, label in (masks.entities[row] if masks.entities else ())}
    )


def _rows(files: MaskFiles) -> int:
    return sum(read_json(shard.with_suffix(".json"))["rows"] for shard in files.shards)


def _packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits, bitorder="little")


def _unpacked(bits: np.ndarray, count: int) -> np.ndarray:
    return np.unpackbits(bits, bitorder="little", count=count).view(np.bool_)


def _taken(bits: np.ndarray, count: int, take: np.ndarray) -> np.ndarray:
    return _packed(_unpacked(bits, count)[take])


def _base64(numbers: np.ndarray) -> str:
    return base64.b64encode(numbers.tobytes()).decode("ascii")
