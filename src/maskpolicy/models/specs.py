"""The parameters of models, validated; importing this module loads nothing heavy."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskpolicy.policies.specs import Spec

Count = Annotated[int, Field(ge=1)]

Start = Literal["initial", "general"] | Count
"""A checkpoint to start from: the initial weights, the general stage's, or the one that it kept
after a number of steps.
"""


class EncoderArchitecture(Spec):
    """The sizes of an encoder trained from scratch; the defaults are BERT-base's (Devlin 2019)."""

    family: Literal["bert", "roberta"] = "bert"  # roberta: no segment ids, pairs with </s></s>
    hidden_size: Count = 768
    layers: Count = 12
    attention_heads: Count = 12
    ffn_dim: Count = 3072
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1  # of hidden states and of attention
    init_std: Annotated[float, Field(gt=0)] = 0.02
    max_positions: Annotated[int, Field(ge=8)] = 512  # tokens in a sequence, special ones included

    @model_validator(mode="after")
    def _heads_divide(self) -> "EncoderArchitecture":
        if self.hidden_size % self.attention_heads:
            raise ValueError("`hidden_size` is not a multiple of `attention_heads`")
        return self
