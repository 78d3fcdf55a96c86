"""What a decision is (Ye et al. 2021, section 2: d = g(x; phi)), and its random address."""

from dataclasses import dataclass

import numpy as np

from maskpolicy.randomness import key


@dataclass(frozen=True)
class Address:
    """Where random choices are made: everything but row and position, which the batch supplies.

    `corpus` and `policy` are the names that the configuration gives them: the same rows get other
    masks in another corpus. `epoch` numbers the masks of a row: each pass over the corpus reads the
    next one.
    """

    seed: int
    corpus: str
    policy: str
    epoch: int

    def key(self, purpose: str = "", epoch: int | None = None) -> np.uint64:
        """The 64-bit key of this address; `purpose` separates independent draws of one policy."""
        epoch = self.epoch if epoch is None else epoch
        return key(self.seed, self.corpus, self.policy, epoch, purpose)


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
