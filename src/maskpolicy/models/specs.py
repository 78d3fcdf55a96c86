"""The parameters of models, validated; importing this module loads nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from maskpolicy.pretrained import Pretrained
from maskpolicy.specs import Count, Name, Positive, Share, Spec

Family = Literal["seq2seq", "encoder"]
"""What reads the rendered examples: an encoder-decoder, or an encoder with a masked-LM head."""


@dataclass(frozen=True)
class FamilyTraits:
    """What a study has to know of a family before any model is loaded."""

    called: str  # in messages
    task: Literal["seq2seq", "classification"]  # the kind of task that it is fine-tuned on
    in_place: bool  # whether it predicts masked tokens in their places, or writes a target
    encoder_decoder: bool  # what the config.json of its checkpoints says of `is_encoder_decoder`
    module: str  # of maskpolicy.models.families, imported when a model is needed


FAMILIES: Mapping[Family, FamilyTraits] = MappingProxyType(
    {
        "seq2seq": FamilyTraits(
            called="a sequence-to-sequence model",
            task="seq2seq",
            in_place=False,
            encoder_decoder=True,
            module="seq2seq",
        ),
        "encoder": FamilyTraits(
            called="an encoder",
            task="classification",
            in_place=True,
            encoder_decoder=False,
            module="masked_lm",
        ),
    }
)
"""Every model family by name."""


Start = Literal["initial", "general"] | Count
"""A checkpoint to start from: the initial weights, the general stage's, or the one that it kept
after a number of steps.
"""


class BartArchitecture(Spec):
    """The sizes of a BART trained from scratch; the rest is BartConfig's default."""

    d_model: Count
    encoder_layers: Count
    decoder_layers: Count
    attention_heads: Count
    ffn_dim: Count
    dropout: Share = 0.0
    init_std: Positive = 0.02
    max_positions: Count = 512

    @model_validator(mode="after")
    def _heads_divide(self) -> "BartArchitecture":
        if self.d_model % self.attention_heads:
            raise ValueError("`d_model` is not a multiple of `attention_heads`")
        return self

    @property
    def weights(self) -> int:
        """About how many weights it has, without those of the token embeddings."""
        layers = 4 * self.encoder_layers + 8 * self.decoder_layers
        ffn = 2 * self.ffn_dim * (self.encoder_layers + self.decoder_layers)
        return self.d_model * (layers * self.d_model + ffn + 2 * self.max_positions)


class EncoderArchitecture(Spec):
    """The sizes of an encoder trained from scratch; the defaults are BERT-base's (Devlin 2019)."""

    family: Literal["bert", "roberta"] = "bert"  # roberta: no segment ids, pairs with </s></s>
    hidden_size: Count = 768
    layers: Count = 12
    attention_heads: Count = 12
    ffn_dim: Count = 3072
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1  # of hidden states and of attention
    init_std: Positive = 0.02
    max_positions: Annotated[int, Field(ge=8)] = 512  # tokens in a sequence, special ones included

    @model_validator(mode="after")
    def _heads_divide(self) -> "EncoderArchitecture":
        if self.hidden_size % self.attention_heads:
            raise ValueError("`hidden_size` is not a multiple of `attention_heads`")
        return self

    @property
    def weights(self) -> int:
        """About how many weights it has, without those of the token embeddings."""
        layers = self.layers * (4 * self.hidden_size + 2 * self.ffn_dim)
        return self.hidden_size * (layers + self.max_positions)


class _Weights(Spec):
    family: Family
    tokenizer: Name
    architecture: Spec | None = None
    pretrained: Pretrained | None = None

    @property
    def traits(self) -> FamilyTraits:
        """What its family is like."""
        return FAMILIES[self.family]

    @model_validator(mode="after")
    def _one_origin(self) -> "_Weights":
        if (self.architecture is None) == (self.pretrained is None):
            raise ValueError("give exactly one of `architecture` and `pretrained`")
        return self


class Seq2SeqModel(_Weights):
    """A BART from scratch (`architecture`), or any `pretrained` encoder-decoder (BART, T5, PEGASUS,
    mBART, …).
    """

    family: Literal["seq2seq"] = "seq2seq"
    architecture: BartArchitecture | None = None


class EncoderModel(_Weights):
    """A BERT or RoBERTa from scratch (`architecture`), or any `pretrained` masked LM (also
    DistilBERT, ELECTRA's generator, DeBERTa, ModernBERT, …).
    """

    family: Literal["encoder"]
    architecture: EncoderArchitecture | None = None


def _family(value: Any) -> Any:
    """The family that is written; what is no record is refused as one of the family by default."""
    return value.get("family", "seq2seq") if isinstance(value, Mapping) else "seq2seq"


Model = Annotated[
    Annotated[Seq2SeqModel, Tag("seq2seq")] | Annotated[EncoderModel, Tag("encoder")],
    Discriminator(
        _family,
        custom_error_type="unknown_family",
        custom_error_message=f"`family` is one of {', '.join(FAMILIES)}",
    ),
]


class Generation(Spec):
    """How a sequence-to-sequence model decodes its predictions."""

    beams: Count = 1
    min_length: Annotated[int, Field(ge=0)] = 0  # tokens of an answer, special ones not counted
    max_length: Count = 20  # likewise
    length_penalty: float = 1.0  # power of the length that a beam's log-probability is divided by
    no_repeat_ngrams: Annotated[int, Field(ge=2)] | None = None
    # tokens of the n-grams that no answer has twice
    early_stopping: bool = False  # at the first `beams` whole answers, whatever might follow
    batch_size: Count = 64

    @model_validator(mode="after")
    def _fits_together(self) -> "Generation":
        if self.min_length > self.max_length:
            raise ValueError(
                f"`min_length`: {self.min_length} are more than the {self.max_length} of"
                " `max_length`"
            )
        if self.early_stopping and self.beams == 1:
            raise ValueError("`early_stopping` is for several `beams`")
        return self

    @property
    def greedy(self) -> "Generation":
        """The same without beams: fast, for dev while a model is still in training."""
        return self.model_copy(update={"beams": 1, "length_penalty": 1.0, "early_stopping": False})

    @property
    def signature(self) -> str:
        """All that decides a prediction, in the manner of a metric's signature."""
        early = "yes" if self.early_stopping else "no"
        repeated = f"|no_repeat_ngrams:{self.no_repeat_ngrams}" if self.no_repeat_ngrams else ""
        return (
            f"beams:{self.beams}|length:{self.min_length}-{self.max_length}"
            f"|length_penalty:{self.length_penalty}|early_stopping:{early}{repeated}|sampling:no"
        )
