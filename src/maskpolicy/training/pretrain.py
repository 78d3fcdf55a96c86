"""Pre-training, general or intermediate: the same stage with another corpus and another policy."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch

from maskpolicy.artefacts import atomic_directory, sha256
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import (
    SpecialIds,
    load_decisions,
    load_tokens,
    render,
    rendered_lengths,
)
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models import families
from maskpolicy.models.batches import Batch, InPlaceBatch, bucketed_order
from maskpolicy.models.checkpoints import save_model, write_model
from maskpolicy.models.labels import IGNORED
from maskpolicy.randomness import key
from maskpolicy.training.loop import train
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.state import Saving, fingerprint, load_state, remove_state


class MaskedBatches:
    """Endless batches of a masked corpus, each pass with the masks of the next epoch.

    Of K `copies` of a row a batch holds all, each with the mask of another epoch: pass p reads the
    epochs p * K to p * K + K - 1, modulo the number there is, and a batch of `batch_size` copies
    holds batch_size / K rows (paper B, algorithm 1: the loss, and so the gradient, is the mean over
    the copies). Rows that are without decisions in one of those epochs are dropped, so passes may
    differ in length. The first `skipped` batches are left out: a training that goes on has read
    them.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        masks: Sequence[Sequence[Path]],
        objective: Objective,
        copies: int,
        tokenizer: Tokenizer,
        max_length: int,
        batch_size: int,
        seed: int,
        skipped: int = 0,
    ) -> None:
        self.tokens = load_tokens(shards, sentences=objective.permute_sentences)
        self.masks = masks
        self.objective = objective
        self.copies = copies
        self.special = SpecialIds.of(tokenizer)
        self.max_length = max_length
        self.batch_size = batch_size
        self.seed = seed
        self.skipped = skipped

    @property
    def longest_row(self) -> int:
        """Tokens of the longest row of the corpus, without special ones."""
        return int(np.diff(self.tokens.offsets).max(initial=0))

    def __iter__(self) -> Iterator[Batch]:
        skipped = self.skipped
        for number in count():
            epochs = [number * self.copies + copy for copy in range(self.copies)]
            files = [self.masks[epoch % len(self.masks)] for epoch in epochs]
            decisions = [load_decisions(some, self.tokens) for some in files]
            lengths = [rendered_lengths(self.tokens, d, self.objective) for d in decisions]
            kept = np.flatnonzero(np.all([target > 0 for _, target in lengths], axis=0))
            if len(kept) == 0:
                raise ArtefactError(
                    f"{files[0][0].parent}: the policy masks nothing in the whole corpus"
                )
            size = sum(source + target for source, target in lengths)[kept]
            rows = self.batch_size // self.copies
            order = bucketed_order(size, rows, self.seed, number)
            for chosen in order[skipped:]:
                yield self._rendered(kept[chosen], decisions, epochs)
            skipped = max(0, skipped - len(order))
            # Those of the next pass are as large, and not wanted at the same time.
            del decisions, lengths

    def _rendered(
        self, rows: np.ndarray, decisions: Sequence[Decisions], epochs: Sequence[int]
    ) -> Batch:
        copies = [
            render(
                self.tokens,
                decided,
                rows,
                self.objective,
                self.special,
                source_length=self.max_length,
                target_length=self.max_length,
                key=key(self.seed, "render", epoch),
            )
            for decided, epoch in zip(decisions, epochs, strict=True)
        ]
        in_place = self.objective.target == "in-place"
        return (InPlaceBatch if in_place else Batch)(
            _stacked([copy.source for copy in copies], self.special.pad),
            _stacked([copy.target for copy in copies], IGNORED if in_place else self.special.pad),
        )


def _stacked(copies: Sequence[np.ndarray], padding: int) -> torch.Tensor:
    """Batches of token ids, int64 [B, W] each, over one another, as wide as the widest."""
    width = max(copy.shape[1] for copy in copies)
    padded = [
        np.pad(copy, ((0, 0), (0, width - copy.shape[1])), constant_values=padding)
        for copy in copies
    ]
    return torch.from_numpy(np.concatenate(padded))


def pretrain(
    checkpoint: Path,
    tokenizer_folder: Path,
    shards: Sequence[Path],
    masks: Sequence[Sequence[Path]],
    objective: Objective,
    copies: int,
    stage: Pretraining,
    seed: int,
    title: str,
    state: Path,
    output: Path,
) -> None:
    """Continue training `checkpoint` on a masked corpus and write the checkpoint `output`.

    `masks[e]` are the decisions of epoch e, one file a shard, in the order of `shards`. The
    checkpoint's family knows how a model is trained with the objective. The manifest.json
    holds hashes, the losses and the tokens read. Checkpoints of the stage's `stops` are folders
    step-N within `output` (see :func:`stop_folder`). An interrupted training goes on from the
    folder `state`, if settings and inputs are the same.
    """
    family = families.of_checkpoint(checkpoint)
    if problem := objective.incompatibility(family.name):
        raise InputError(f"{checkpoint}: {problem}")
    model = family.load(checkpoint, seed)
    max_length = family.longest_input(model)
    tokenizer = load_tokenizer(tokenizer_folder)
    identity = fingerprint(
        [objective.model_dump(), copies, stage.model_dump(), seed],
        [
            checkpoint / "model.safetensors",
            tokenizer_folder / "tokenizer.json",
            *shards,
            *chain.from_iterable(masks),
        ],
    )
    saved = load_state(state, identity)
    # The stops too outlast an interruption, apart from those of a training with other settings.
    stops = state / identity[:32]
    batches = MaskedBatches(
        shards,
        masks,
        objective,
        copies,
        tokenizer,
        max_length,
        stage.batch_size,
        seed,
        skipped=saved.facts["steps"] if saved else 0,
    )
    if batches.longest_row + tokenizer.ends > max_length:
        raise InputError(
            f"the rows of {shards[0].parent} have up to {batches.longest_row} tokens, which with"
            f" special ones are more than the {max_length} of {checkpoint}: lower the corpus's"
            " `sequence_length`"
        )

    def keep_at_stops(done: int, loss: float) -> None:
        if done in stage.stops:
            save_model(model, stop_folder(stops, done), steps=done, loss=loss)

    record = train(
        model,
        batches,
        stage,
        stage.learning_rate,
        seed,
        title,
        family.pretraining_loss,
        keep_at_stops,
        saved,
        Saving(state, identity).now_and_then,
    )
    with atomic_directory(output) as folder:
        write_model(
            model.cpu(),
            folder,
            steps=record.steps,
            tokens=record.tokens,
            losses=list(record.losses),
            stops={
                f"{step}": sha256(stop_folder(stops, step) / "model.safetensors")
                for step in stage.stops
            },
        )
        for step in stage.stops:
            shutil.move(stop_folder(stops, step), stop_folder(folder, step))
    shutil.rmtree(stops, ignore_errors=True)
    remove_state(state, identity)


def stop_folder(checkpoint: Path, step: int) -> Path:
    """Where a stage keeps the checkpoint of one of its `stops`."""
    return checkpoint / f"step-{step}"
