"""What policies mask, counted from stored decisions: kinds of tokens, and what policies share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskpolicy.analysis.specs import MaskAnalysis
from maskpolicy.arms import CONTROL
from maskpolicy.arrow_files import read_batches
from maskpolicy.corpora.shards import (
    ENTITY_LABELS,
    PARTS_OF_SPEECH,
    TokenBatch,
    read_token_batches,
)
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.decisions.files import decision_file, next_decisions, read_decisions
from maskpolicy.errors import ArtefactError
from maskpolicy.policies.base import PolicySpec
from maskpolicy.policies.control import redraw
from maskpolicy.progress import work_progress
from maskpolicy.randomness import draw_rows, key, uniform

OUTSIDE = len(ENTITY_LABELS)
"""Stands for the label of a token that is in no entity."""


@dataclass(frozen=True)
class ArmMasks:
    """Where the masks of several arms for one corpus lie, as one tokenizer reads it.

    `annotations` is a folder with a file for each of the `shards`, `arms` are the folders of masks,
    each named as its arm; the first `epochs` masks of a row are read. `seed` is that of the masks.
    `policies` maps every arm to the record of its policy, or of that which it is the control of.
    """

    shards: Sequence[Path]
    annotations: Path
    arms: Sequence[Path]
    epochs: int
    seed: int
    corpus: str
    policies: Mapping[str, PolicySpec]

    @property
    def names(self) -> list[str]:
        """The arms."""
        return [folder.name for folder in self.arms]

    @property
    def manifests(self) -> list[Path]:
        """What counts the budgets of all arms."""
        return [folder / f"{shard.stem}.json" for folder in self.arms for shard in self.shards]


class TokenCounts:
    """How many tokens there are of each kind: int64, all three with the same sum.

    types [V], by token id; parts_of_speech, as PARTS_OF_SPEECH; entities, as ENTITY_LABELS and
    then OUTSIDE.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self.types = np.zeros(vocabulary_size, np.int64)
        self.parts_of_speech = np.zeros(len(PARTS_OF_SPEECH), np.int64)
        self.entities = np.zeros(OUTSIDE + 1, np.int64)

    def add(self, types: np.ndarray, parts_of_speech: np.ndarray, entities: np.ndarray) -> None:
        """Count some tokens, of each of which there is the kind in all three senses."""
        self.types += np.bincount(types, minlength=len(self.types))
        self.parts_of_speech += np.bincount(parts_of_speech, minlength=len(self.parts_of_speech))
        self.entities += np.bincount(entities, minlength=len(self.entities))


@dataclass(frozen=True)
class MaskCounts:
    """What A arms mask of the same `rows`, of which the corpus has `all_rows`.

    A token that is masked in several epochs counts in each. shared int64 [A, A]: tokens that two
    arms mask in the same epoch, on the diagonal all that one masks; shared_by_chance: the same of
    their matched-budget controls.
    """

    rows: int
    all_rows: int
    corpus: TokenCounts
    arms: dict[str, TokenCounts]
    shared: np.ndarray
    shared_by_chance: np.ndarray


def count_masks(
    masks: ArmMasks, spec: MaskAnalysis, vocabulary_size: int, title: str
) -> MaskCounts:
    """Count the masks of the rows that `spec` draws; which ones does not depend on the shards.

    Memory holds the drawn rows of one shard. Raises ArtefactError, naming the file, when one is
    missing, damaged or belongs to other rows or to another tokenizer.
    """
    all_rows = sum(batch.num_rows for shard in masks.shards for batch in read_batches(shard))
    share = spec.share_of(all_rows)
    arms = {name: TokenCounts(vocabulary_size) for name in masks.names}
    corpus = TokenCounts(vocabulary_size)
    shared, by_chance = (np.zeros((len(arms), len(arms)), np.int64) for _ in range(2))
    rows = 0
    work = len(masks.shards) * masks.epochs * len(arms)
    with work_progress(f"masks of {title}", work) as advance:
        for sample in _samples(masks, share):
            sample.refuse_unknown_tokens(vocabulary_size)
            rows += len(sample.rows)
            kinds = sample.kinds
            corpus.add(*kinds)
            for epoch in range(masks.epochs):
                drawn, moved = [], []
                for folder, counts in zip(masks.arms, arms.values(), strict=True):
                    decisions = sample.decisions(folder, epoch)
                    counts.add(*(kind[decisions.mask] for kind in kinds))
                    address = Address(masks.seed, masks.corpus, folder.name + CONTROL, epoch)
                    spec_of_arm = masks.policies[folder.name]
                    drawn.append(decisions.mask)
                    moved.append(redraw(sample.rows, decisions, address, spec_of_arm).mask)
                    advance(1)
                shared += count_shared(np.stack(drawn))
                by_chance += count_shared(np.stack(moved))
    return MaskCounts(rows, all_rows, corpus, arms, shared, by_chance)


def count_shared(masks: np.ndarray) -> np.ndarray:
    """How many tokens any two of some masks, bool [A, T], have in common: int64 [A, A]."""
    packed = np.packbits(masks, axis=1)
    return np.array([np.bitwise_count(packed & mask).sum(axis=1, dtype=int) for mask in packed])


def jaccard(shared: np.ndarray) -> np.ndarray:
    """What two arms share as a part of what either of them masks, [A, A]; 0 where that is nothing.

    (Jaccard 1912, of the masked tokens of all rows and epochs.) `shared` is as in MaskCounts.
    """
    masked = np.diag(shared)
    either = masked[:, None] + masked - shared
    return shared / np.maximum(1, either)


def entities_of_tokens(batch: TokenBatch) -> np.ndarray:
    """The label of the entity that each token is in, as ENTITY_LABELS, or OUTSIDE: uint8 [T].

    A token that two entities share, as a piece of both may, is in the first one.
    """
    spans = batch.entities
    row = np.repeat(np.arange(len(batch)), np.diff(spans.offsets))
    lengths = spans.end.astype(np.int64) - spans.start
    # Positions of all tokens of all spans: those of a span count on from where it starts.
    before = np.cumsum(lengths) - lengths
    starts = batch.offsets[row] + spans.start.astype(np.int64)
    positions = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    labels = np.full(len(batch.input_ids), OUTSIDE, np.uint8)
    labels[positions[::-1]] = np.repeat(spans.label, lengths)[::-1]  # the last assignment stays
    return labels


@dataclass(frozen=True)
class _Sample:
    """The drawn `rows` of a shard; `positions` says where their T tokens stand in its `batches`."""

    shard: Path
    batches: list[TokenBatch]
    positions: list[np.ndarray]
    rows: TokenBatch

    @property
    def kinds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Token id, part of speech and entity of each token, as TokenCounts takes them."""
        return self.rows.input_ids, self.rows.part_of_speech, entities_of_tokens(self.rows)

    def decisions(self, folder: Path, epoch: int) -> Decisions:
        """What an arm decided for the drawn rows."""
        path = decision_file(folder, epoch, self.shard)
        reader = read_decisions(path)
        made = [next_decisions(reader, batch, path, self.shard) for batch in self.batches]
        drawn = list(zip(made, self.positions, strict=True))
        mask = np.concatenate([each.mask[kept] for each, kept in drawn])
        inserted = [each.insertions[kept] for each, kept in drawn if each.insertions is not None]
        return Decisions(mask, np.concatenate(inserted) if inserted else None)

    def refuse_unknown_tokens(self, vocabulary_size: int) -> None:
        """Raise ArtefactError, naming the shard, when the tokenizer has fewer tokens."""
        ids = self.rows.input_ids
        if len(ids) and ids.max() >= vocabulary_size:
            raise ArtefactError(
                f"{self.shard} has token {ids.max()}, but its tokenizer has {vocabulary_size}:"
                " shard the corpus again"
            )


def _samples(masks: ArmMasks, share: float) -> Iterator[_Sample]:
    """The drawn rows of each shard that has any rows."""
    address = key(masks.seed, "mask-analysis")
    for shard in masks.shards:
        batches, positions, drawn = [], [], []
        for batch in read_token_batches(shard, masks.annotations / shard.name):
            chosen = uniform(draw_rows(address, batch.rows)) < share
            batches.append(batch)
            positions.append(np.flatnonzero(np.repeat(chosen, np.diff(batch.offsets))))
            both = (batch.tokens, batch.annotations)
            drawn.append([each.filter(pa.array(chosen)) for each in both if each is not None])
        if batches:
            rows = TokenBatch(*map(pa.concat_batches, zip(*drawn, strict=True)))
            yield _Sample(shard, batches, positions, rows)
