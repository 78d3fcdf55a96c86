"""Batches: which rows go together, in which order, as padded tensors.

The order is a pure function of (seed, pass): every worker, restart and machine sees the same
batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Self

import numpy as np
import torch

from maskpolicy.models.labels import IGNORED
from maskpolicy.randomness import key

POOL = 100
"""Batches sorted by length together: enough for little padding, few enough to stay shuffled."""


@dataclass(frozen=True)
class Batch:
    """Padded token ids: source int64 [B, S], target int64 [B, L].

    Both begin with BOS, where the tokenizer has one, and end with EOS. `origin` is the batch that
    it is a copy of on a GPU: what is asked of that one keeps nobody waiting for the GPU.
    """

    source: torch.Tensor
    target: torch.Tensor
    origin: "Batch | None" = None

    def to(self, device: torch.device) -> Self:
        """The same batch on `device`."""
        if device.type == "cpu":
            return self
        return type(self)(_moved(self.source, device), _moved(self.target, device), self)

    def attention_mask(self, padding: int) -> torch.Tensor | None:
        """Which tokens of the source are no padding, bool [B, S]; None where all are."""
        present = (self.origin or self).source.ne(padding)
        # Without padding there is nothing to hide, and attention without a mask is faster.
        return None if bool(present.all()) else _moved(present, self.source.device)

    def label_positions(self, padding: int) -> torch.Tensor:
        """Where the tokens of the targets are, row by row: int64 [labels] into B * L positions."""
        wanted = self._is_label((self.origin or self).target, padding)
        return _moved(wanted.flatten().nonzero().squeeze(1), self.source.device)

    @staticmethod
    def _is_label(target: torch.Tensor, padding: int) -> torch.Tensor:
        return target != padding

    def tokens(self, padding: int) -> int:
        """Tokens in sources and targets, without padding."""
        return int((self.source != padding).sum() + (self.target != padding).sum())

    def predicted(self, padding: int) -> int:
        """Predictions that the loss is the mean of: the tokens of targets, or the labels."""
        return int(self._is_label(self.target, padding).sum())

    def split(self, rows: int, padding: int) -> list[Self]:
        """The same in parts of at most so many rows, each no wider than its longest row."""

        def narrow(ids: torch.Tensor) -> torch.Tensor:
            return ids[:, : int((ids != padding).sum(1).max())]

        parts = zip(self.source.split(rows), self.target.split(rows), strict=True)
        return [type(self)(narrow(source), narrow(target)) for source, target in parts]


class InPlaceBatch(Batch):
    """A batch of masked LM: the target is the labels of the source's positions, IGNORED elsewhere.

    The special tokens at both ends are labelled IGNORED too.
    """

    def tokens(self, padding: int) -> int:
        """Tokens that the model reads, without padding."""
        return int((self.source != padding).sum())

    @staticmethod
    def _is_label(target: torch.Tensor, padding: int) -> torch.Tensor:
        return target != IGNORED

    def split(self, rows: int, padding: int) -> list[Self]:
        """The same in parts of at most so many rows, each no wider than its longest source."""
        parts = zip(self.source.split(rows), self.target.split(rows), strict=True)
        widths = (self.source != padding).sum(1).split(rows)
        return [
            type(self)(source[:, : int(width.max())], target[:, : int(width.max())])
            for (source, target), width in zip(parts, widths, strict=True)
        ]


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On `device`; to a GPU while it works on something else."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def bucketed_order(
    lengths: np.ndarray, batch_size: int, seed: int, number: int
) -> list[np.ndarray]:
    """Shuffle examples into batches of similar length: one pass over the data, every example once.

    lengths int [N], any measure of an example's cost; returns index arrays int64 [<= batch_size].
    The last batch of a pass may be short.
    """
    random = np.random.Generator(np.random.Philox(key=int(key(seed, "order", number))))
    shuffled = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(shuffled), POOL * batch_size):
        pool = shuffled[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def pad(sequences: Sequence[Sequence[int]], padding: int) -> torch.Tensor:
    """Token id sequences as one int64 tensor [B, longest], padded on the right."""
    padded = np.full((len(sequences), max(map(len, sequences))), padding, np.int64)
    for line, ids in zip(padded, sequences, strict=True):
        line[: len(ids)] = ids
    return torch.from_numpy(padded)


class PairBatches:
    """Endless batches over (source, target) pairs of token ids, shuffled anew in every pass."""

    def __init__(
        self,
        pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
        padding: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.pairs = pairs
        self.padding = padding
        self.batch_size = batch_size
        self.seed = seed
        self.lengths = np.array([len(source) + len(target) for source, target in pairs])

    def __iter__(self) -> Iterator[Batch]:
        for number in count():
            for chosen in bucketed_order(self.lengths, self.batch_size, self.seed, number):
                pairs = [self.pairs[i] for i in chosen]
                yield Batch(
                    pad([source for source, _ in pairs], self.padding),
                    pad([target for _, target in pairs], self.padding),
                )
