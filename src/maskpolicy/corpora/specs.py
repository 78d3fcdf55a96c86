"""The parameters of corpora and tokenizers, validated; importing it loads nothing heavy."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SerializeAsAny, Tag

from maskpolicy.pretrained import Pretrained
from maskpolicy.sources.base import Documents
from maskpolicy.sources.registry import by_name
from maskpolicy.specs import Count, Name, Rate, Seed, Spec

DocumentSource = Annotated[SerializeAsAny[Documents], by_name("Documents")]


class DocumentShare(Spec):
    """A share of the documents, drawn at random: each by its number and the seed, whatever the
    others are.
    """

    share: Rate
    seed: Seed = 0


DocumentLimit = Annotated[
    Annotated[Count, Tag("number")] | Annotated[DocumentShare, Tag("share")],
    Discriminator(lambda limit: "number" if isinstance(limit, int | str | float) else "share"),
]
"""How many documents are read: the first so many, or a share of all."""


class Corpus(Spec):
    """Documents, and how they are cut into sequences and shards."""

    documents: DocumentSource
    deduplicate: bool = False  # leave out documents whose text one before them has, to the letter
    limit: DocumentLimit | None = None  # of what is left then
    sequence_length: Annotated[int, Field(ge=8, le=65535)]  # tokens in a row, at most
    rows: Literal["passages", "sentences"] = "passages"
    # passages: as many whole sentences as fit; sentences: one each, as T5 did for salient spans
    # Files; with another number all is made anew, to the same masks. Commands get the paths of
    # all as arguments, which may not be many more.
    shards: Annotated[int, Field(ge=1, le=1000)] = 1

    def reads_as(self, other: "Corpus") -> bool:
        """Whether another corpus has the same documents, however it cuts them."""
        mine, others = (
            (corpus.documents, corpus.deduplicate, corpus.limit) for corpus in (self, other)
        )
        return mine == others


class TrainedTokenizer(Spec):
    """A byte-level BPE trained on corpora of the study."""

    train_on: tuple[Name, ...] = Field(min_length=1)
    vocabulary_size: Annotated[int, Field(ge=300, le=1_000_000)]
    lowercase: bool = False


class PretrainedTokenizer(Spec):
    """The tokenizer of a local folder or hub id."""

    pretrained: Pretrained


def _origin(value: Any) -> Literal["pretrained", "trained"]:
    if isinstance(value, PretrainedTokenizer):
        return "pretrained"
    return "pretrained" if isinstance(value, Mapping) and "pretrained" in value else "trained"


TokenizerSource = Annotated[
    Annotated[TrainedTokenizer, Tag("trained")] | Annotated[PretrainedTokenizer, Tag("pretrained")],
    Discriminator(_origin),
]
"""A tokenizer by its origin: `pretrained` where that is written, otherwise one to train."""


LARGEST_VOCABULARY = 800_000
"""N-grams in PMI-Masking's own vocabulary, counted over 16 GB of text; small corpora need fewer."""
