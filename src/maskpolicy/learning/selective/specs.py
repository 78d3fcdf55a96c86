"""How a selective policy is trained, validated; importing this module loads nothing heavy."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from maskpolicy.models.specs import Family, Start
from maskpolicy.specs import Spec
from maskpolicy.training.specs import EncoderTraining


@dataclass(frozen=True)
class Preset:
    """Where Gu et al. 2020 and the scripts that its authors released differ."""

    threshold: float  # delta: a token with a lower score S(w) is important
    only_correct: bool  # look for important tokens in correctly classified texts only
    skip_stop_words: bool  # never call a stop word important
    class_weight: float  # weight of important tokens in the selector's loss; others weigh 1
    largest_share: float | None  # of a sentence's tokens may be masked, though always one
    selector: EncoderTraining


PRESETS = MappingProxyType(
    {
        "paper": Preset(
            threshold=0.05,
            only_correct=False,
            skip_stop_words=False,
            class_weight=1.5,
            largest_share=None,
            selector=EncoderTraining(learning_rate=1e-5, batch_size=64, max_length=128),
        ),
        "released": Preset(
            threshold=0.01,
            only_correct=True,
            skip_stop_words=True,
            class_weight=3.0,
            largest_share=0.15,
            selector=EncoderTraining(learning_rate=1e-5, batch_size=32, max_length=128),
        ),
    }
)
"""The released scripts also show masked tokens as BERT does; that is the objective's to say."""


class SelectiveTraining(Spec):
    """How the selector of a selective policy is trained; the defaults: Gu et al. 2020, B.2."""

    needs: ClassVar[Family] = "encoder"
    method: Literal["selective"]
    model: str  # an encoder, whose checkpoint classifier and selector start from
    task: str  # a classification task; its train split teaches, its dev split chooses the epoch
    start: Start | None = None  # which checkpoint of the model; without it that of most arms
    preset: Literal["paper", "released"] = "paper"
    classifier: EncoderTraining = EncoderTraining()
    selector: EncoderTraining | None = None  # without it that of the preset
