"""What a masking policy is (Ye et al. 2021, section 2: g(x; phi)).

A policy is described by a record of the configuration, and decides: a batch of tokens in, decisions
out. Importing this module loads nothing heavy.
"""

import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from maskpolicy.errors import ArtefactError
from maskpolicy.specs import Spec

if TYPE_CHECKING:
    from maskpolicy.corpora.shards import TokenBatch
    from maskpolicy.decisions.base import Address, Decisions


class Policy(Protocol):
    """A masking policy. Pure: the same rows and address give the same decisions, in any order.

    Each policy states its budget, exact or within bounds, as a share of what it masks whole. Rows
    hold no special tokens (see `corpora.shards`), so that BOS, EOS and padding are never masked.
    """

    def decide(self, batch: "TokenBatch", address: "Address") -> "Decisions":
        """Decide for every token of `batch`. No state is kept between calls."""
        ...


class PolicySpec(Spec):
    """Base of every policy's record: its parameters, what it needs, and where it is implemented.

    The fields of a subclass are the keys of `decide` in the configuration; class attributes of the
    names below say what the policy needs. One without an `implementation` decides by itself: it has
    a method `decide` and is its own :class:`Policy`.
    """

    kind: str

    implementation: ClassVar[str] = ""
    """`module:Class`, imported only when the policy is built. Called with the record, and with the
    folder of statistics where it needs some."""

    @property
    def inserts(self) -> bool:
        """Whether the policy may insert masks where no token is; fixes the schema of its files."""
        return False

    @property
    def needs_annotations(self) -> bool:
        """Whether the policy reads annotations: entities, parts of speech."""
        return False

    @property
    def statistics(self) -> tuple[str, ...]:
        """Which statistics of the corpus the policy reads (corpora/statistics), sorted."""
        return ()

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the trained networks that the policy decides with, sorted."""
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the user's own that say what the policy does; changed ones give other masks."""
        module = type(self).__module__
        own = module.partition(".")[0] != __package__.partition(".")[0]
        file = getattr(sys.modules[module], "__file__", None)
        return (str(_beneath(Path(file))),) if own and file else ()

    def build(self, statistics: Path | None, networks: Path | None) -> Policy:
        """The policy that this record describes.

        `statistics` is the folder of the corpus's `{statistic}.arrow` files, `networks` that of the
        `{network}/` folders; each is there where the record names any. Raises ArtefactError, naming
        the file, when one in it is missing or damaged.
        """
        if not self.implementation:
            return cast(Policy, self)
        implementation = resolve_name(self.implementation)
        return implementation(self, statistics) if self.statistics else implementation(self)


def refuse_unknown_tokens(batch: "TokenBatch", known: int, network: Path) -> None:
    """Raise ArtefactError, naming the network's folder, when it knows fewer tokens than `batch`."""
    if len(batch.input_ids) and batch.input_ids.max() >= known:
        raise ArtefactError(
            f"{network} knows {known} tokens, but the shard has token {batch.input_ids.max()}:"
            " it was trained with another tokenizer"
        )


def _beneath(path: Path) -> Path:
    """The path as seen from the working directory, where it lies within."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
