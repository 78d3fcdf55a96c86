"""The masked data of pre-training: a corpus, its decisions and an objective, in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import (
    RenderedBatch,
    SpecialIds,
    load_decisions,
    load_tokens,
    render,
    rendered_lengths,
)
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import Batch, InPlaceBatch, bucketed_order
from maskpolicy.models.labels import IGNORED
from maskpolicy.randomness import key
from maskpolicy.training.processes import ALONE, Processes


@dataclass(frozen=True)
class MaskedCorpus:
    """Where a masked corpus lies, and how it becomes (source, target) pairs.

    masks: `masks[e]` are the decisions of epoch e, one file a shard, in the order of `shards`;
    tokenizer: the folder of the tokenizer that the shards were made with; seed: of the random
    replacements, the order of sentences, and the order of batches.
    """

    shards: Sequence[Path]
    masks: Sequence[Sequence[Path]]
    objective: Objective
    tokenizer: Path
    seed: int

    @property
    def files(self) -> list[Path]:
        """All that the pairs depend on, beside objective and seed."""
        return [self.tokenizer / "tokenizer.json", *self.shards, *chain.from_iterable(self.masks)]

    @property
    def in_place(self) -> bool:
        """Whether targets are labels of the source's own positions."""
        return self.objective.target == "in-place"


@dataclass(frozen=True)
class MaskedEpoch:
    """The decisions of one epoch, and the lengths of what they render to, int32 [R] each.

    number: that of the pass, which may be beyond the epochs that have decisions of their own.
    """

    number: int
    decisions: Decisions
    source_lengths: np.ndarray
    target_lengths: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Which rows have an example, bool [R]; the others have no decision."""
        return self.target_lengths > 0


class Renderer:
    """Renders the rows of a masked corpus, its tokens memory-mapped, an epoch of masks at a time.

    Memory holds a byte a token of each epoch that is read at a time, two with insertions, and some
    50 bytes a row: of 3 billion tokens in rows of 128 that is 4 GB, or 7.
    """

    def __init__(self, corpus: MaskedCorpus, max_length: int) -> None:
        """`max_length`: of sources and of targets, in tokens; what is longer is cut.

        Raises InputError where the objective needs sentinels and the tokenizer has none.
        """
        self.corpus = corpus
        self.max_length = max_length
        self.special = SpecialIds.of(load_tokenizer(corpus.tokenizer))
        if corpus.objective.source == "sentinel" and len(self.special.sentinels) < 2:
            raise InputError(
                "objective.source: `sentinel` needs T5's sentinels, which the tokenizer"
                f" {corpus.tokenizer} lacks"
            )
        self.tokens = load_tokens(corpus.shards, sentences=corpus.objective.permute_sentences)

    @property
    def longest_row(self) -> int:
        """Tokens of the longest row of the corpus, without special ones."""
        return int(np.diff(self.tokens.offsets).max(initial=0))

    def epoch(self, number: int) -> MaskedEpoch:
        """The masks of pass `number`, from 0; after the last epoch they start over.

        Raises ArtefactError where they are of another corpus.
        """
        files = self.corpus.masks[number % len(self.corpus.masks)]
        decisions = load_decisions(files, self.tokens)
        lengths = rendered_lengths(self.tokens, decisions, self.corpus.objective)
        return MaskedEpoch(number, decisions, *lengths)

    def render(self, rows: np.ndarray, epoch: MaskedEpoch) -> RenderedBatch:
        """The pairs of the rows with indices `rows`, int64 [B], none of them dropped."""
        return render(
            self.tokens,
            epoch.decisions,
            rows,
            self.corpus.objective,
            self.special,
            source_length=self.max_length,
            target_length=self.max_length,
            key=key(self.corpus.seed, "render", epoch.number),
        )


class MaskedBatches:
    """Endless batches of a masked corpus, each pass with the masks of the next epoch.

    Of K `copies` of a row a batch holds all, each with the mask of another epoch: pass p reads the
    epochs p * K to p * K + K - 1, modulo the number there is, and a batch of `batch_size` copies
    holds batch_size / K rows (Zheng et al. 2020, algorithm 1: the loss, and so the gradient, is the
    mean over the copies). Rows that are without decisions in one of those epochs are dropped, so
    passes may differ in length. The order is a function of the corpus's seed.

    Of several processes each reads its share of the rows of a batch, all copies of them; of the
    last batch of a pass there may be none for it.
    """

    def __init__(
        self,
        corpus: MaskedCorpus,
        *,
        copies: int,
        max_length: int,
        batch_size: int,
        processes: Processes = ALONE,
    ) -> None:
        self.renderer = Renderer(corpus, max_length)
        self.copies = copies
        self.processes = processes
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Batch]:
        return self.from_step(0)

    def from_step(self, step: int) -> Iterator[Batch]:
        """The batches but for the first `step`, which a training that goes on has read."""
        for number in count():
            epochs = [
                self.renderer.epoch(number * self.copies + copy) for copy in range(self.copies)
            ]
            order = self.order(epochs, number)
            for rows in order[step:]:
                yield self.rendered(self.processes.share(rows), epochs)
            step = max(0, step - len(order))
            # Those of the next pass are as large, and not wanted at the same time.
            del epochs

    def order(self, epochs: Sequence[MaskedEpoch], number: int) -> list[np.ndarray]:
        """The rows of each batch of a pass."""
        corpus = self.renderer.corpus
        kept = np.flatnonzero(np.all([epoch.kept for epoch in epochs], axis=0))
        if len(kept) == 0:
            folder = corpus.masks[epochs[0].number % len(corpus.masks)][0].parent
            raise ArtefactError(f"{folder}: the policy masks nothing in the whole corpus")
        size = sum(epoch.source_lengths + epoch.target_lengths for epoch in epochs)[kept]
        rows = self.batch_size // self.copies
        return [kept[chosen] for chosen in bucketed_order(size, rows, corpus.seed, number)]

    def rendered(self, rows: np.ndarray, epochs: Sequence[MaskedEpoch]) -> Batch:
        """The batch of some rows, int64 [B], each with the masks of all the epochs."""
        copies = [self.renderer.render(rows, epoch) for epoch in epochs]
        padding = self.renderer.special.pad
        in_place = self.renderer.corpus.in_place
        return (InPlaceBatch if in_place else Batch)(
            _stacked([copy.source for copy in copies], padding),
            _stacked([copy.target for copy in copies], IGNORED if in_place else padding),
        )


def _stacked(copies: Sequence[np.ndarray], padding: int) -> torch.Tensor:
    """Batches of token ids, int64 [B, W] each, over one another, as wide as the widest."""
    width = max(copy.shape[1] for copy in copies)
    padded = [
        np.pad(copy, ((0, 0), (0, width - copy.shape[1])), constant_values=padding)
        for copy in copies
    ]
    return torch.from_numpy(np.concatenate(padded))
