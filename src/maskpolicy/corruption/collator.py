"""Masks of this package in somebody else's training: batches of an exported data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.mask_dataset import TOKENIZER, insertion_column, mask_column
from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import SpecialIds, TokenColumns, render
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import InputError
from maskpolicy.models.labels import IGNORED
from maskpolicy.randomness import key


class MaskCollator(TrainerCallback):
    """Makes batches for a model of transformers of rows of a :mod:`mask_dataset`, bit for bit those
    that this package trains on: of a masked LM or of an encoder-decoder, as the objective says.

    To transformers' Trainer it is given twice, as `data_collator` and among `callbacks`, which tell
    it the epoch, with `remove_unused_columns=False`; other loops call :meth:`set_epoch`, before an
    epoch's loader is iterated. After the last epoch of masks they start over.
    """

    def __init__(
        self, folder: str | Path, objective: Objective, seed: int, max_length: int
    ) -> None:
        """`seed`: of random replacements and the order of sentences, that of pre-training;
        `max_length`: of sources and of targets, special tokens included; what is longer is cut.
        """
        self.objective, self.seed, self.max_length = objective, seed, max_length
        self.special = SpecialIds.of(load_tokenizer(Path(folder) / TOKENIZER))
        self.epochs = int(read_json(Path(folder) / "manifest.json")["epochs"])
        # In shared memory, so that workers that outlast an epoch see the next one's number.
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """The batches from here on have the masks of pass `epoch`, from 0."""
        self.epoch.fill_(epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """What Trainer calls; a resumed one is somewhere within its epoch."""
        self.set_epoch(int(state.epoch or 0))

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask and labels, int64 [B, …], -100 where nothing is predicted.

        Rows without a decision in the epoch are left out. Raises InputError where no row is left,
        or columns are missing, and ValueError for an objective that can't be rendered.
        """
        epoch = int(self.epoch)
        try:
            tokens, decisions = _columns(rows, epoch % self.epochs, self.special.vocabulary_size)
        except KeyError as missing:
            raise InputError(
                f"the rows have no column {missing}: give Trainer remove_unused_columns=False"
            ) from None
        decided = decisions.mask
        if decisions.insertions is not None:
            decided = decided | decisions.insertions
        kept = np.flatnonzero(np.add.reduceat(decided, tokens.offsets[:-1]))
        if len(kept) == 0:
            raise InputError(f"no row of a batch has a mask in epoch {epoch}: make batches larger")
        rendered = render(
            tokens,
            decisions,
            kept,
            self.objective,
            self.special,
            source_length=self.max_length,
            target_length=self.max_length,
            key=key(self.seed, "render", epoch),
        )
        labels = rendered.target
        labels[np.arange(labels.shape[1]) >= rendered.target_lengths[:, None]] = IGNORED
        present = np.arange(rendered.source.shape[1]) < rendered.source_lengths[:, None]
        arrays = {"input_ids": rendered.source, "attention_mask": present.astype(np.int64)}
        return {
            name: torch.from_numpy(array) for name, array in (arrays | {"labels": labels}).items()
        }


def _columns(
    rows: Sequence[Mapping[str, Any]], epoch: int, vocabulary: int
) -> tuple[TokenColumns, Decisions]:
    """Rows of the data set as rendering wants them, with the masks of an epoch."""

    def joined(name: str, dtype: type = np.bool_) -> np.ndarray:
        return np.concatenate([np.asarray(row[name], dtype) for row in rows])

    lengths = [len(row["input_ids"]) for row in rows]
    tokens = TokenColumns(
        rows=np.array([int(row["row"]) for row in rows], np.int64),
        offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        input_ids=joined("input_ids", np.uint16 if vocabulary <= 1 << 16 else np.uint32),
        sentence_start=joined("sentence_start"),
    )
    inserted = insertion_column(epoch)
    insertions = joined(inserted) if inserted in rows[0] else None
    return tokens, Decisions(joined(mask_column(epoch)), insertions)
