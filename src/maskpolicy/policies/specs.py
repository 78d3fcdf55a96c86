"""The parameters of every masking policy, validated; importing this module loads nothing heavy.

A policy of the configuration is one of these records, chosen by its `kind`. What it does is
implemented in the module that `registry.py` names for the kind.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(gt=0, lt=1)]
"""A share of tokens, strictly between 0 and 1."""


class Spec(BaseModel):
    """Base of all configuration records: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OrigInfill(Spec):
    """BART text infilling (Lewis et al. 2020; paper A, footnote 3): spans of Poisson lengths."""

    kind: Literal["orig-infill"]
    rate: Rate = 0.3  # share of units masked, zero-length spans aside
    mean_span: float = Field(3.0, gt=0)  # lambda of the Poisson distribution of span lengths
    unit: Literal["word", "token"] = "word"  # what span lengths are counted in


class RandomTokens(Spec):
    """A fixed number of random tokens in each row (paper A, "Rand"; BERT's, without its noise)."""

    kind: Literal["rand"]
    rate: Rate = 0.15


class Ssm(Spec):
    """Salient span masking (Guu et al. 2020; paper A, "SSM"): named entities and dates."""

    kind: Literal["ssm"]
    spans: Literal["one", "all"] = "one"  # one entity of the row, drawn uniformly, or every entity


PolicySpec = Annotated[
    OrigInfill | RandomTokens | Ssm,
    Field(discriminator="kind"),
]
