"""The objectives of pre-training, validated; importing this module loads nothing heavy."""

from typing import Literal

from pydantic import model_validator

from maskpolicy.models.specs import FAMILIES, Family
from maskpolicy.specs import Share, Spec


class Objective(Spec):
    """How decisions are rendered into a source and a target sequence."""

    source: Literal["span", "token", "sentinel"] = "span"
    # span: one <mask> for a run of masked tokens; token: one each; sentinel: T5's numbered masks
    target: Literal["masked", "separated", "full", "sentinel", "in-place"] = "masked"
    # masked: the masked tokens, concatenated; separated: with a <mask> between runs; full: every
    # token; sentinel: each run after its sentinel; in-place: masked LM, for encoder models
    random: Share = 0.0  # share of masked tokens shown as a random token (source: token); BERT .1
    keep: Share = 0.0  # share of masked tokens shown as they are (source: token); BERT .1
    permute_sentences: bool = False  # shuffle the sentences of the source (target: full), as BART

    @model_validator(mode="after")
    def _expressible(self) -> "Objective":
        if self.random + self.keep > 1:
            raise ValueError(
                "`random` and `keep` are shares of the masked tokens: they sum to over 1"
            )
        if self.source != "token" and self.random + self.keep > 0:
            raise ValueError("`random` and `keep` need one place a masked token: `source: token`")
        if self.target == "in-place" and self.source != "token":
            raise ValueError("`target: in-place` needs a source as long as x: `source: token`")
        if self.source == "sentinel" and self.target not in ("sentinel", "full"):
            raise ValueError("`source: sentinel` needs `target: sentinel` or `target: full`")
        if self.target == "sentinel" and self.source != "sentinel":
            raise ValueError("`target: sentinel` needs `source: sentinel`")
        if self.permute_sentences and self.target != "full":
            raise ValueError("`permute_sentences` needs `target: full`, which has the right order")
        return self

    def incompatibility(self, family: Family, inserts: bool = False) -> str | None:
        """Why a model family can't be trained with it, or None.

        `inserts`: whether the policy inserts masks.
        """
        traits = FAMILIES[family]
        if traits.in_place and self.target != "in-place":
            return f"{traits.called} predicts in place, so `target: {self.target}` is impossible"
        if self.target == "in-place" and not traits.in_place:
            return f"`target: in-place` is for encoder models, not for {traits.called}"
        if self.target == "in-place" and inserts:
            return (
                "the policy inserts masks where no token is, which `target: in-place` can't express"
            )
        return None
