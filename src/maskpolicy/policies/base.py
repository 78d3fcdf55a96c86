"""What a masking policy is: a batch of tokens in, decisions out (paper A, section 2: g(x; phi))."""

from pathlib import Path
from typing import ClassVar, Protocol

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.errors import ArtefactError


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
