"""The parameters of every masking policy, validated; importing this module loads nothing heavy.

A policy of the configuration is one of these records, chosen by its `kind`. What it does is
implemented in the module that `registry.py` names for the kind.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskpolicy.corpora.specs import LARGEST_VOCABULARY
from maskpolicy.specs import Count, Positive, Rate, Spec


class OrigInfill(Spec):
    """BART text infilling (Lewis et al. 2020; paper A, footnote 3): spans of Poisson lengths."""

    kind: Literal["orig-infill"]
    rate: Rate = 0.3  # share of units masked, zero-length spans aside
    mean_span: float = Field(3.0, ge=0.1)  # lambda of the Poisson distribution of span lengths
    unit: Literal["word", "token"] = "word"  # what span lengths are counted in


class RandomTokens(Spec):
    """A fixed number of random tokens in each row (paper A, "Rand"; BERT's, without its noise)."""

    kind: Literal["rand"]
    unit: ClassVar = "token"
    rate: Rate = 0.15


class WholeWord(Spec):
    """A fixed number of random whole words in each row (Devlin et al. 2019, whole-word masking)."""

    kind: Literal["whole-word"]
    unit: ClassVar = "word"
    rate: Rate = 0.15  # share of the words


class GeometricLengths(Spec):
    """Span lengths 1, 2, ... with geometric probabilities, up to a longest one (SpanBERT)."""

    distribution: Literal["geometric"]
    p: Annotated[float, Field(gt=0, lt=1)] = 0.2
    longest: Count = 10


class FixedMeanLengths(Spec):
    """As many spans as give the mean length, every split of the budget equally likely (T5)."""

    distribution: Literal["fixed-mean"]
    mean: Annotated[float, Field(ge=1)] = 3.0


class RandomSpans(Spec):
    """Random spans: SpanBERT's (Joshi et al. 2020), or T5's (Raffel et al. 2020)."""

    kind: Literal["span"]
    rate: Rate = 0.15  # share of the units
    unit: Literal["word", "token"] = "word"  # what spans consist of
    lengths: Annotated[GeometricLengths | FixedMeanLengths, Field(discriminator="distribution")] = (
        GeometricLengths(distribution="geometric")
    )


class Ssm(Spec):
    """Salient span masking (Guu et al. 2020; paper A, "SSM"): named entities and dates."""

    kind: Literal["ssm"]
    spans: Literal["one", "all"] = "one"  # one entity of the row, drawn uniformly, or every entity


class MaskFirstSentences(Spec):
    """The first sentences of each row (paper A, "MaskFirstSent")."""

    kind: Literal["mask-first-sentences"]
    rate: Rate = 0.3  # share of the sentences


class MaskRandomSentences(Spec):
    """Random sentences of each row (paper A, "MaskRandomSent")."""

    kind: Literal["mask-random-sentences"]
    unit: ClassVar = "sentence"
    rate: Rate = 0.3  # share of the sentences


class GapSentences(Spec):
    """The principal sentences of each row by ROUGE-1 F1 (Zhang et al. 2020, PEGASUS)."""

    kind: Literal["gap-sentences"]
    rate: Rate = 0.3  # share of the sentences
    selection: Literal["independent", "sequential"] = "independent"
    counts: Literal["original", "uniq"] = "original"  # of a word that occurs several times


class CorrelatedSpans(Spec):
    """PMI-Masking (Levine et al. 2021): n-grams of correlated words are masked as units."""

    kind: Literal["pmi"]
    rate: Rate = 0.15  # share of the words
    vocabulary_size: Annotated[int, Field(ge=8, le=LARGEST_VOCABULARY)] = LARGEST_VOCABULARY
    # the best n-grams of 2 to 5 words; the paper's covers about half of the words of its corpus


class InformativeWords(Spec):
    """Words weighted by their PMI with the rest of the row (after Sadeq et al. 2022, InforMask)."""

    kind: Literal["informative"]
    rate: Rate = 0.15  # share of the words


class RareWords(Spec):
    """Words weighted by their inverse document frequency in the corpus."""

    kind: Literal["idf"]
    rate: Rate = 0.15  # share of the words


# The tags of `corpora.shards.PARTS_OF_SPEECH`, here too because importing those costs time.
PartOfSpeech = Literal[
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN"),
    *("PUNCT", "SCONJ", "SYM", "VERB", "X", "SPACE"),
]


class PartsOfSpeech(Spec):
    """Words weighted by part of speech."""

    kind: Literal["pos"]
    rate: Rate = 0.15  # share of the words
    weights: Annotated[dict[PartOfSpeech, Positive], Field(min_length=1)]
    # relative to each other; words of other parts of speech are never masked


class FullyExplored(Spec):
    """Groups of K masks without overlap (paper B); mask k of group g is that of epoch g K + k."""

    kind: Literal["fully-explored"]
    rate: Rate = 0.15  # share of the units in each mask
    masks: Annotated[int, Field(ge=2)] = 4  # K, masks in a group
    unit: Literal["token", "word", "span"] = "token"  # span: of words, with SpanBERT's lengths

    @model_validator(mode="after")
    def _fits(self) -> "FullyExplored":
        if self.masks * self.rate > 1:
            raise ValueError("`masks` * `rate` is over 1: so many masks can't be without overlap")
        return self


class Learned(Spec):
    """A policy that decides with a trained network; the same network may serve several policies."""

    network: str  # a learned network of the configuration, whatever task it was trained on


class Supervised(Learned):
    """A span that a network takes for a likely target (paper A, 4.2)."""

    kind: Literal["supervised"]
    top: Count = 1  # mask the best span, or one drawn from the best few
    max_span_length: Count = 10  # tokens; a longer word is a span too
    precision: Literal["float32", "bfloat16"] = "float32"
    # bfloat16: twice as fast where the processor has it; the decisions differ a little


class Selective(Learned):
    """The tokens that matter for a classification task, found by a trained selector (paper C)."""

    kind: Literal["selective"]
    unit: Literal["word", "token"] = "word"  # token: single pieces, as in paper C's table 2


class MetaLearned(Learned):
    """Whole words that a network learned to mask for faster learning of a task (paper A, 4.3)."""

    kind: Literal["meta"]
    choice: Literal["sampled", "greedy"] = "sampled"
    # sampled: a token is masked with the network's probability, as in training; greedy: if it is
    # over one half, the same in every epoch


class Component(Spec):
    """One policy of a mixture."""

    weight: Positive
    policy: "PolicySpec"


class Mixture(Spec):
    """A weighted mixture: each row is masked by one of several policies."""

    kind: Literal["mixture"]
    components: Annotated[tuple[Component, ...], Field(min_length=2)]


PolicySpec = Annotated[
    OrigInfill
    | RandomTokens
    | WholeWord
    | RandomSpans
    | Ssm
    | MaskFirstSentences
    | MaskRandomSentences
    | GapSentences
    | CorrelatedSpans
    | InformativeWords
    | RareWords
    | PartsOfSpeech
    | FullyExplored
    | Supervised
    | Selective
    | MetaLearned
    | Mixture,
    Field(discriminator="kind"),
]
Component.model_rebuild()
Mixture.model_rebuild()
