"""The parameters of training stages, validated; importing this module loads nothing heavy."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from maskpolicy.models.specs import Start
from maskpolicy.specs import Count, Name, NotNegative, Positive, Rate, Share, Spec

TRAINERS = {"native": "native:pretrain_natively"}
"""Who pre-trains -> module of maskpolicy.training.trainers, and function."""

DEFAULT_TRAINER = "native"
"""This package's own loop."""


Decayed = Literal["all", "matrices"]
"""Which weights decay: all, as fairseq does, or matrices alone: neither biases nor layer norms, as
of BERT and its scripts (Devlin et al. 2019) and of transformers' own.
"""


class Optimisation(Spec):
    """AdamW with linear warm-up and linear decay to zero."""

    steps: Count
    batch_size: Count  # sequences a step
    warmup: Share = 0.06  # share of the steps
    weight_decay: NotNegative = 0.01
    decayed: Decayed = "all"
    betas: tuple[Rate, Rate] = (0.9, 0.98)
    clip_norm: Positive = 1.0
    label_smoothing: Share = 0.0


class Pretraining(Optimisation):
    """A pre-training stage on a masked corpus. A step reads `batch_size` masked copies."""

    corpus: Name
    learning_rate: Positive  # the peak
    mask_epochs: Count  # distinct masks made per sequence; passes beyond them start over
    stops: tuple[Count, ...] = ()  # steps after which the checkpoint is kept, beside the last one

    @model_validator(mode="after")
    def _stops_on_the_way(self) -> "Pretraining":
        if list(self.stops) != sorted(set(self.stops)) or max(self.stops, default=0) >= self.steps:
            raise ValueError("`stops` are steps before the last, in ascending order")
        return self

    @property
    def stage(self) -> "Pretraining":
        """What the trainer needs to know of this stage."""
        return Pretraining(**self.model_dump(include=set(Pretraining.model_fields)))


class GeneralPretraining(Pretraining):
    """The general stage that every arm starts from."""

    policy: Name


class IntermediatePretraining(Pretraining):
    """The stage under study: equal for every arm but for the policy."""

    start: Start | None = None  # without it `general` where there is that stage, else `initial`


class Finetuning(Optimisation):
    """Fine-tuning on a downstream task; the learning rate is searched on the dev split."""

    counts: ClassVar[Literal["steps"]] = "steps"

    learning_rates: tuple[Positive, ...] = Field(min_length=1)
    source_length: Count = 128  # tokens, special ones included; longer sources are cut
    target_length: Count = 32
    keep: bool = False  # the fine-tuned model, beside the predictions of its run


class _EncoderEpochs(Spec):
    """AdamW with linear warm-up and decay; the epoch with the best dev score is kept.

    The defaults are those of the classifiers of Gu et al. 2020, appendix B.2.
    """

    batch_size: Count = 64  # examples a step
    epochs: Count = 10  # at most
    max_length: Annotated[int, Field(ge=8)] = 256  # tokens, special ones included; cut beyond
    warmup: Share = 0.1  # share of the steps
    weight_decay: NotNegative = 0.01
    decayed: Decayed = "matrices"


class EncoderTraining(_EncoderEpochs):
    """Fine-tuning of an encoder's head and body with one learning rate."""

    learning_rate: Positive = 2e-5  # the peak


class EncoderFinetuning(_EncoderEpochs):
    """Fine-tuning of encoders on a downstream task; the learning rate is searched on dev."""

    counts: ClassVar[Literal["epochs"]] = "epochs"

    learning_rates: tuple[Positive, ...] = Field((2e-5,), min_length=1)
    keep: bool = False  # the fine-tuned model, beside the predictions of its run

    def at(self, learning_rate: float) -> EncoderTraining:
        """This fine-tuning with one of its learning rates."""
        settings = self.model_dump(exclude={"learning_rates", "keep"})
        return EncoderTraining(learning_rate=learning_rate, **settings)


def _counted(value: Any) -> Literal["steps", "epochs"] | None:
    if isinstance(value, Finetuning | EncoderFinetuning):
        return value.counts
    if not isinstance(value, Mapping) or "steps" in value:  # what is no record is refused as one
        return "steps"
    return "epochs" if "epochs" in value else None


AnyFinetuning = Annotated[
    Annotated[Finetuning, Tag("steps")] | Annotated[EncoderFinetuning, Tag("epochs")],
    Discriminator(
        _counted,
        custom_error_type="uncounted",
        custom_error_message="give `steps`, which sequence-to-sequence models count, or `epochs`,"
        " which encoders do",
    ),
]
"""Fine-tuning by what it counts: the one of `steps` and `epochs` that is written."""
