"""The small tasks of meta-learning: (context, source, target) triples of token ids, in batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.models.batches import Batch, pad
from maskpolicy.sources.base import Example


@dataclass(frozen=True)
class Triples:
    """N triples of token id sequences, each between BOS and EOS."""

    contexts: Sequence[Sequence[int]]
    sources: Sequence[Sequence[int]]
    targets: Sequence[Sequence[int]]
    padding: int

    def __len__(self) -> int:
        return len(self.contexts)

    def context_lengths(self) -> np.ndarray:
        """Tokens of each context, BOS and EOS aside: int64 [N]."""
        return np.array([len(context) - 2 for context in self.contexts], np.int64)

    def batch(self, chosen: np.ndarray, device: torch.device) -> "TripleBatch":
        """The triples with numbers `chosen`, int64 [B]."""
        contexts, sources, targets = (
            pad([sequences[i] for i in chosen], self.padding).to(device)
            for sequences in (self.contexts, self.sources, self.targets)
        )
        lengths = torch.tensor([len(self.contexts[i]) - 2 for i in chosen], device=device)
        return TripleBatch(chosen, Batch(contexts, contexts), Batch(sources, targets), lengths)


@dataclass(frozen=True)
class TripleBatch:
    """B triples: `pretrain` has contexts as source and as target, `finetune` source and target.

    numbers int64 [B], of the triples in their split; lengths int64 [B], of the contexts without
    BOS and EOS.
    """

    numbers: np.ndarray
    pretrain: Batch
    finetune: Batch
    lengths: torch.Tensor

    @property
    def inside(self) -> torch.Tensor:
        """Which positions of the contexts are neither special tokens nor padding: bool [B, S]."""
        positions = torch.arange(self.pretrain.source.shape[1], device=self.lengths.device)
        return (positions > 0) & (positions <= self.lengths[:, None])


@dataclass(frozen=True)
class TripleCounts:
    """What became of the examples of a split; lengths in tokens, BOS and EOS aside, before cuts."""

    examples: int
    no_context: int
    cut_contexts: int
    longest_context: int
    cut_sources: int
    longest_source: int
    cut_targets: int
    longest_target: int


def read_triples(
    tokenizer: Tokenizer, examples: Sequence[Example], training: MetaTraining, room: int
) -> tuple[Triples, TripleCounts]:
    """Encode the examples that have a context, and count the others.

    Contexts, sources and targets are cut to the lengths of `training`, and to `room` tokens beside
    BOS and EOS.
    """
    kept = [example for example in examples if example.context]
    parts = [
        ([example.context for example in kept], training.context_length or room),
        ([example.source for example in kept], training.source_length - 2),
        ([example.target for example in kept], training.target_length - 2),
    ]
    encoded: list[list[list[int]]] = []
    cut_and_longest: list[int] = []
    for texts, wanted in parts:
        length = min(wanted, room)
        whole = [encoding.ids for encoding in tokenizer.encode_rows(texts)]
        encoded.append([tokenizer.enclose(ids[:length]) for ids in whole])
        cut_and_longest.append(sum(len(ids) > length for ids in whole))
        cut_and_longest.append(max(map(len, whole), default=0))
    counts = TripleCounts(len(examples), len(examples) - len(kept), *cut_and_longest)
    contexts, sources, targets = encoded
    return Triples(contexts, sources, targets, tokenizer.pad), counts
