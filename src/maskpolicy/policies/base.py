"""What a masking policy is (Ye et al. 2021, section 2: g(x; phi)).

A policy is described by a record of the configuration, and decides: a batch of tokens in, decisions
out. Importing this module loads nothing heavy.
"""

import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self, cast

from pydantic import model_validator

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.specs import Spec

if TYPE_CHECKING:
    from maskpolicy.corpora.shards import TokenBatch
    from maskpolicy.decisions.base import Address, Decisions


Unit = Literal["token", "word", "sentence"]
"""What a policy may keep whole."""


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
    titles: bool = True
    # whether titles may be masked; if not, the policy decides for the rows without their titles

    implementation: ClassVar[str] = ""
    """`module:Class`, imported only when the policy is built. Called with the record, and with the
    folder of statistics where it needs some."""

    @property
    def keeps(self) -> Unit:
        """What the policy masks whole or not at all. Its control keeps words whole, or tokens."""
        return "token"

    @property
    def redrawn(self) -> bool:
        """Whether the policy decides anew in every epoch; its control does where it does."""
        return True

    @property
    def masks_titles(self) -> bool:
        """Whether it may mask a token of a title; its control may where it may."""
        return self.titles

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

    @model_validator(mode="after")
    def _a_title_is_no_sentence(self) -> Self:
        if self.keeps == "sentence" and self.titles:
            raise ValueError(
                "a title is no sentence: a policy that masks sentences whole has `titles: false`"
            )
        return self

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


def check_decisions(spec: PolicySpec, decisions: "Decisions", batch: "TokenBatch") -> None:
    """Raise InputError unless decisions for a batch have the form that the policy declares."""
    columns = [decisions.mask] if decisions.insertions is None else [*vars(decisions).values()]
    tokens = len(batch.input_ids)
    if any(column.dtype != bool or column.shape != (tokens,) for column in columns):
        raise InputError(f"policy {spec.kind!r} must decide with one bool for each token")
    if (decisions.insertions is not None) != spec.inserts:
        makes = "no insertions" if spec.inserts else "insertions"
        raise InputError(f"policy {spec.kind!r} makes {makes}, but has `inserts = {spec.inserts}`")


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
