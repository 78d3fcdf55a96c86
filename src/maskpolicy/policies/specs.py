"""The parameters of every masking policy, validated; importing this module loads nothing heavy.

A policy of the configuration is one of these records, found by its `kind` in `registry.py`. What
it needs stands on its class (see :class:`PolicySpec`), and where it is implemented.
"""

from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskpolicy.corpora.specs import LARGEST_VOCABULARY
from maskpolicy.policies.base import Policy, PolicySpec, Unit
from maskpolicy.policies.registry import AnyPolicy, build_policy
from maskpolicy.specs import Count, Positive, Rate, Spec


class OrigInfill(PolicySpec):
    """Text infilling (Lewis et al. 2020, BART; Ye et al. 2021, footnote 3): Poisson spans."""

    kind: Literal["orig-infill"]
    implementation: ClassVar = "maskpolicy.policies.infilling:TextInfilling"
    inserts: ClassVar = True
    rate: Rate = 0.3  # share of units masked, zero-length spans aside
    mean_span: float = Field(3.0, ge=0.1)  # lambda of the Poisson distribution of span lengths
    unit: Literal["word", "token"] = "word"  # what span lengths are counted in

    @property
    def keeps(self) -> Unit:
        """Words or tokens, as spans are counted in."""
        return self.unit


class RandomTokens(PolicySpec):
    """A fixed number of random tokens in each row (Ye et al. 2021, "Rand"; BERT's, exact)."""

    kind: Literal["rand"]
    implementation: ClassVar = "maskpolicy.policies.random_units:RandomUnits"
    unit: ClassVar = "token"
    rate: Rate = 0.15


class WholeWord(PolicySpec):
    """A fixed number of random whole words in each row (Devlin et al. 2019, whole-word masking)."""

    kind: Literal["whole-word"]
    implementation: ClassVar = "maskpolicy.policies.random_units:RandomUnits"
    unit: ClassVar = "word"
    keeps: ClassVar = "word"
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


class RandomSpans(PolicySpec):
    """Random spans: SpanBERT's (Joshi et al. 2020), or T5's (Raffel et al. 2020)."""

    kind: Literal["span"]
    implementation: ClassVar = "maskpolicy.policies.random_spans:RandomSpans"
    rate: Rate = 0.15  # share of the units
    unit: Literal["word", "token"] = "word"  # what spans consist of
    lengths: Annotated[GeometricLengths | FixedMeanLengths, Field(discriminator="distribution")] = (
        GeometricLengths(distribution="geometric")
    )

    @property
    def keeps(self) -> Unit:
        """Words or tokens, what spans consist of."""
        return self.unit


class Ssm(PolicySpec):
    """Salient span masking (Guu et al. 2020; Ye et al. 2021, "SSM"): named entities and dates."""

    kind: Literal["ssm"]
    implementation: ClassVar = "maskpolicy.policies.salient_spans:SalientSpans"
    keeps: ClassVar = "word"
    needs_annotations: ClassVar = True
    spans: Literal["one", "all"] = "one"  # one entity of the row, drawn uniformly, or every entity

    @property
    def redrawn(self) -> bool:
        """Where one entity is drawn."""
        return self.spans == "one"


class MaskFirstSentences(PolicySpec):
    """The first sentences of each row (Ye et al. 2021, "MaskFirstSent")."""

    kind: Literal["mask-first-sentences"]
    implementation: ClassVar = "maskpolicy.policies.sentences:FirstSentences"
    keeps: ClassVar = "sentence"
    redrawn: ClassVar = False
    titles: bool = False
    rate: Rate = 0.3  # share of the sentences


class MaskRandomSentences(PolicySpec):
    """Random sentences of each row (Ye et al. 2021, "MaskRandomSent")."""

    kind: Literal["mask-random-sentences"]
    implementation: ClassVar = "maskpolicy.policies.random_units:RandomUnits"
    unit: ClassVar = "sentence"
    keeps: ClassVar = "sentence"
    titles: bool = False
    rate: Rate = 0.3  # share of the sentences


class GapSentences(PolicySpec):
    """The principal sentences of each row by ROUGE-1 F1 (Zhang et al. 2020, PEGASUS)."""

    kind: Literal["gap-sentences"]
    implementation: ClassVar = "maskpolicy.policies.sentences:GapSentences"
    keeps: ClassVar = "sentence"
    redrawn: ClassVar = False
    titles: bool = False
    rate: Rate = 0.3  # share of the sentences
    selection: Literal["independent", "sequential"] = "independent"
    counts: Literal["original", "uniq"] = "original"  # of a word that occurs several times


class CorrelatedSpans(PolicySpec):
    """PMI-Masking (Levine et al. 2021): n-grams of correlated words are masked as units."""

    kind: Literal["pmi"]
    implementation: ClassVar = "maskpolicy.policies.correlated_spans:CorrelatedSpans"
    keeps: ClassVar = "word"
    statistics: ClassVar[tuple[str, ...]] = ("collocations",)
    rate: Rate = 0.15  # share of the words
    vocabulary_size: Annotated[int, Field(ge=8, le=LARGEST_VOCABULARY)] = LARGEST_VOCABULARY
    # the best n-grams of 2 to 5 words; the paper's covers about half of the words of its corpus


class InformativeWords(PolicySpec):
    """Words weighted by their PMI with the rest of the row (after Sadeq et al. 2022, InforMask)."""

    kind: Literal["informative"]
    implementation: ClassVar = "maskpolicy.policies.informative:InformativeWords"
    keeps: ClassVar = "word"
    statistics: ClassVar[tuple[str, ...]] = ("cooccurrence",)
    rate: Rate = 0.15  # share of the words


class RareWords(PolicySpec):
    """Words weighted by their inverse document frequency in the corpus."""

    kind: Literal["idf"]
    implementation: ClassVar = "maskpolicy.policies.informative:RareWords"
    keeps: ClassVar = "word"
    statistics: ClassVar[tuple[str, ...]] = ("word-frequencies",)
    rate: Rate = 0.15  # share of the words


# The tags of `corpora.shards.PARTS_OF_SPEECH`, here too because importing those costs time.
OpenClass = Literal["ADJ", "ADV", "INTJ", "NOUN", "PROPN", "VERB"]
ClosedClass = Literal["ADP", "AUX", "CCONJ", "DET", "NUM", "PART", "PRON", "SCONJ"]
PartOfSpeech = Literal[OpenClass, ClosedClass, "PUNCT", "SYM", "X", "SPACE"]


class PartsOfSpeech(PolicySpec):
    """Words weighted by part of speech."""

    kind: Literal["pos"]
    implementation: ClassVar = "maskpolicy.policies.parts_of_speech:PartsOfSpeech"
    keeps: ClassVar = "word"
    needs_annotations: ClassVar = True
    rate: Rate = 0.15  # share of the words
    weights: Annotated[dict[PartOfSpeech, Positive], Field(min_length=1)]
    # relative to each other; words of other parts of speech are never masked


class FullyExplored(PolicySpec):
    """Groups of K masks without overlap (Zheng et al. 2020): mask k of group g in epoch g K + k."""

    kind: Literal["fully-explored"]
    implementation: ClassVar = "maskpolicy.policies.fully_explored:FullyExplored"
    rate: Rate = 0.15  # share of the units in each mask
    masks: Annotated[int, Field(ge=2)] = 4  # K, masks in a group
    unit: Literal["token", "word", "span"] = "token"  # span: of words, with SpanBERT's lengths

    @property
    def keeps(self) -> Unit:
        """Words, unless its units are tokens."""
        return "token" if self.unit == "token" else "word"

    @model_validator(mode="after")
    def _fits(self) -> "FullyExplored":
        if self.masks * self.rate > 1:
            raise ValueError("`masks` * `rate` is over 1: so many masks can't be without overlap")
        return self


class Learned(PolicySpec):
    """A policy that decides with a trained network; the same network may serve several policies."""

    network: str  # a learned network of the configuration, whatever task it was trained on

    @property
    def networks(self) -> tuple[str, ...]:
        """The one network."""
        return (self.network,)

    def build(self, statistics: Path | None, networks: Path | None) -> Policy:
        """The policy, with its network."""
        assert networks is not None, "see the base"
        return resolve_name(self.implementation)(self, networks / self.network)


class Supervised(Learned):
    """A span that a network takes for a likely target (Ye et al. 2021, 4.2)."""

    kind: Literal["supervised"]
    implementation: ClassVar = "maskpolicy.policies.supervised.policy:SupervisedSpans"
    keeps: ClassVar = "word"
    top: Count = 1  # mask the best span, or one drawn from the best few
    max_span_length: Count = 10  # tokens; a longer word is a span too
    precision: Literal["float32", "bfloat16"] = "float32"
    # bfloat16: twice as fast where the processor has it; the decisions differ a little

    @property
    def redrawn(self) -> bool:
        """Where a span is drawn from several."""
        return self.top > 1


class Selective(Learned):
    """The tokens that matter to a classification task, by a trained selector (Gu et al. 2020)."""

    kind: Literal["selective"]
    implementation: ClassVar = "maskpolicy.policies.selective.policy:SelectiveMasking"
    redrawn: ClassVar = False
    unit: Literal["word", "token"] = "word"  # token: single pieces, as in table 2 of Gu et al. 2020

    @property
    def keeps(self) -> Unit:
        """Words or tokens, around the important tokens."""
        return self.unit


class MetaLearned(Learned):
    """Whole words that a network learned to mask, to learn a task faster (Ye et al. 2021, 4.3)."""

    kind: Literal["meta"]
    implementation: ClassVar = "maskpolicy.policies.meta.policy:MetaLearned"
    keeps: ClassVar = "word"
    choice: Literal["sampled", "greedy"] = "sampled"
    # sampled: a token is masked with the network's probability, as in training; greedy: if it is
    # over one half, the same in every epoch

    @property
    def redrawn(self) -> bool:
        """Where decisions are sampled."""
        return self.choice == "sampled"


class Component(Spec):
    """One policy of a mixture."""

    weight: Positive
    policy: AnyPolicy


class Mixture(PolicySpec):
    """A weighted mixture: each row is masked by one of several policies."""

    kind: Literal["mixture"]
    components: Annotated[tuple[Component, ...], Field(min_length=2)]

    @property
    def policies(self) -> tuple[PolicySpec, ...]:
        """The policies that are mixed; a mixture needs what any of them needs."""
        return tuple(component.policy for component in self.components)

    @property
    def keeps(self) -> Unit:
        """Words, where each of them keeps words or sentences whole."""
        return "token" if any(policy.keeps == "token" for policy in self.policies) else "word"

    @property
    def masks_titles(self) -> bool:
        """Whether any of them may, unless the mixture may not."""
        return self.titles and any(policy.masks_titles for policy in self.policies)

    @property
    def inserts(self) -> bool:
        """Whether any of them may insert masks."""
        return any(policy.inserts for policy in self.policies)

    @property
    def needs_annotations(self) -> bool:
        """Whether any of them reads annotations."""
        return any(policy.needs_annotations for policy in self.policies)

    @property
    def statistics(self) -> tuple[str, ...]:
        """All the statistics that they read, sorted."""
        return tuple(sorted({name for policy in self.policies for name in policy.statistics}))

    @property
    def networks(self) -> tuple[str, ...]:
        """All the networks that they decide with, sorted."""
        return tuple(sorted({name for policy in self.policies for name in policy.networks}))

    @property
    def files(self) -> tuple[str, ...]:
        """All the user's own files that they are made of, sorted."""
        return tuple(sorted({file for policy in self.policies for file in policy.files}))

    def build(self, statistics: Path | None, networks: Path | None) -> Policy:
        """Build them all."""
        from maskpolicy.policies.mixture import Mixture

        built = [build_policy(policy, statistics, networks) for policy in self.policies]
        weights = [component.weight for component in self.components]
        return Mixture(built, weights, inserts=self.inserts)
