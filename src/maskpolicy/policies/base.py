"""What a masking policy is: a batch of tokens in, decisions out (paper A, section 2: g(x; phi))."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from maskpolicy.artefacts import ArtefactError
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.randomness import key


@dataclass(frozen=True)
class Address:
    """Where random choices are made: everything but row and position, which the batch supplies.

    `epoch` numbers the masks of a row: each pass over the corpus reads the next one.
    """

    seed: int
    policy: str
    epoch: int

    def key(self, purpose: str = "", epoch: int | None = None) -> np.uint64:
        """The 64-bit key of this address; `purpose` separates independent draws of one policy."""
        return key(self.seed, self.policy, self.epoch if epoch is None else epoch, purpose)


@dataclass(frozen=True)
class Decisions:
    """Which tokens of a batch to mask.

    mask bool [T], True where the token is masked; T counts the tokens of the batch, row by row.
    insertions bool [T] or None: True where one more <mask> stands *before* the token although
    nothing was removed there (BART's zero-length spans); between two masked tokens it separates
    two spans.
    A row without any masked token or insertion is dropped: it yields no training example.
    """

    mask: np.ndarray
    insertions: np.ndarray | None = None


class Policy(Protocol):
    """A masking policy. Pure: the same rows and address give the same decisions, in any order.

    Each policy states its budget, exact or within bounds, as a share of what it masks whole. Rows
    hold no special tokens (see `corpora.shards`), so that BOS, EOS and padding are never masked.
    """

    inserts: ClassVar[bool]
    """Whether decisions carry insertions; it fixes the schema of the mask artefact."""

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Decide for every token of `batch`. No state is kept between calls."""
        ...


def refuse_unknown_tokens(batch: TokenBatch, known: int, network: Path) -> None:
    """Raise ArtefactError, naming the network's folder, when it knows fewer tokens than `batch`."""
    if len(batch.input_ids) and batch.input_ids.max() >= known:
        raise ArtefactError(
            f"{network} knows {known} tokens, but the shard has token {batch.input_ids.max()}:"
            " it was trained with another tokenizer"
        )
