"""The parameters of training stages, validated; importing this module loads nothing heavy."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError
from maskpolicy.evaluation.search import Grid, Setting
from maskpolicy.models.specs import FAMILIES, Family, Start
from maskpolicy.policies.specs import RandomTokens
from maskpolicy.specs import Count, Name, NotNegative, Positive, Rate, Share, Spec

TRAINERS = {"native": "native:pretrain_natively", "fairseq": "fairseq:pretrain_with_fairseq"}
"""Who pre-trains -> module of maskpolicy.training.trainers, and function."""

TrainerName = Literal["native", "fairseq"]
"""The names of TRAINERS: this package's own loop, or fairseq-train."""

DEFAULT_TRAINER: TrainerName = "native"
"""This package's own loop."""


Decayed = Literal["all", "matrices"]
"""Which weights decay: all, as fairseq does, or matrices alone: neither biases nor layer norms, as
of BERT and its scripts (Devlin et al. 2019) and of transformers' own.
"""


def _share_or_updates(warmup: float) -> float:
    if isinstance(warmup, float) and warmup > 1:
        raise ValueError("Input should be a share of at most 1.0, or a whole number of updates")
    return warmup


Warmup = Annotated[int | float, Field(ge=0), AfterValidator(_share_or_updates)]
"""How long the learning rate rises: a share of the steps (0.06), or so many updates (500)."""


ScheduleName = Literal["linear", "cosine", "constant", "wsd"]
"""How the learning rate goes on after the warm-up: down to zero in a line or half a cosine, not at
all, or (warm-up-stable-decay, Hu et al. 2024) down in a line over the last steps alone.
"""

USUAL_DECAY = 0.1
"""Share of the steps in which `wsd` goes down where it isn't said (Hu et al. 2024, section 4)."""


class Descent(Spec):
    """What pre-training and fine-tuning can choose of their way down, and of its memory."""

    schedule: ScheduleName = "linear"
    decay: Share | None = None  # of the steps, of `wsd` alone; at most what the warm-up leaves
    gradient_checkpointing: bool = False  # activations are computed twice, not kept

    @model_validator(mode="after")
    def _decay_of_wsd(self) -> Self:
        if self.decay is not None and self.schedule != "wsd":
            raise ValueError(f"`decay`: of `schedule: wsd` alone, not of `{self.schedule}`")
        return self


class Optimisation(Descent):
    """AdamW with linear warm-up, and a schedule after it."""

    steps: Count
    batch_size: Count  # sequences a step
    warmup: Warmup = 0.06
    weight_decay: NotNegative = 0.01
    decayed: Decayed = "all"
    betas: tuple[Rate, Rate] = (0.9, 0.98)
    clip_norm: Positive = 1.0
    label_smoothing: Share = 0.0

    @property
    def warmup_steps(self) -> int:
        """The updates of the warm-up."""
        whole = isinstance(self.warmup, int)
        return int(self.warmup) if whole else round(self.warmup * self.steps)

    @property
    def decay_steps(self) -> int:
        """The updates at the end in which the schedule `wsd` goes down; of others none."""
        if self.schedule != "wsd":
            return 0
        wanted = round((USUAL_DECAY if self.decay is None else self.decay) * self.steps)
        return min(wanted, self.steps - self.warmup_steps)

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> "Optimisation":
        if self.warmup_steps > self.steps:
            raise ValueError(f"`warmup`: {self.warmup} are more than the {self.steps} `steps`")
        return self


class Pretraining(Optimisation):
    """A pre-training stage on a masked corpus. A step reads `batch_size` masked copies."""

    examples_at_once: Count | None = None  # in memory; without it all copies of a step
    shard_parameters: Annotated[bool, Field(exclude_if=lambda on: not on)] = False
    # of several processes each keeps a part of the model (FSDP2), not all of it
    corpus: Name
    trainer: TrainerName = DEFAULT_TRAINER  # who takes the steps
    learning_rate: Positive  # the peak
    mask_epochs: Count  # distinct masks made per sequence; passes beyond them start over
    stops: tuple[Count, ...] = ()  # steps after which the checkpoint is kept, beside the last one

    @model_validator(mode="after")
    def _stops_on_the_way(self) -> "Pretraining":
        if list(self.stops) != sorted(set(self.stops)) or max(self.stops, default=0) >= self.steps:
            raise ValueError("`stops` are steps before the last, in ascending order")
        return self

    def refuse_processes(self, number: int) -> None:
        """Raise InputError where the trainer takes its steps in one process, and is given more."""
        if number > 1 and self.trainer != DEFAULT_TRAINER:
            raise InputError(
                f"`trainer: {self.trainer}` trains in one process on one GPU, and is given"
                f" {number}: set `gpu: 1` and one node for its rule, or `trainer: native`"
            )

    @property
    def stage(self) -> "Pretraining":
        """What the trainer needs to know of this stage."""
        return Pretraining(**self.model_dump(include=set(Pretraining.model_fields)))


class GeneralPretraining(Pretraining):
    """The general stage that every arm starts from."""

    policy: Name


HELD_OUT = "held-out"
"""The name of the masks that held-out losses have in common, in place of a policy's."""

HELD_OUT_MASKS = RandomTokens(kind="rand", rate=0.15)
"""How those are decided."""


class HeldOut(Spec):
    """Text that no arm reads, to compare their losses on; in short the name of its corpus."""

    corpus: Name
    objective: Objective | None = None  # without it what is usual for the model's family

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"corpus": value} if isinstance(value, str) else value

    def objective_of(self, family: Family) -> Objective:
        """The one objective of all arms of such a model. Without one of its own an encoder predicts
        what stands behind <mask>, and a sequence-to-sequence model writes the masked tokens alone.
        """
        if self.objective is not None:
            return self.objective
        in_place = FAMILIES[family].in_place
        return Objective(source="token", target="in-place") if in_place else Objective()


class IntermediatePretraining(Pretraining):
    """The stage under study: equal for every arm but for the policy."""

    start: Start | None = None  # without it `general` where there is that stage, else `initial`
    held_out: HeldOut | None = None  # measured of every arm, and at its `stops`, where it is given


class Training(Spec):
    """One fine-tuning, of which nothing is left to choose; all is counted in steps."""

    optimisation: Optimisation
    learning_rate: Positive  # the peak
    validate_every: Count | None = None  # to keep the best on dev; without it the last is kept
    patience: Count | None = None  # validations without a better one, after which it ends
    examples_at_once: Count | None = None  # of a step; without it all of them


class SearchedArm(Spec):
    """The arm that settings are searched on, once for all; in short its name alone.

    What is not said is that of the run that takes what was found.
    """

    arm: str  # a policy, `<policy>@control`, or `none`
    model: Name | None = None
    stage: Name | None = None  # an intermediate one

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"arm": value} if isinstance(value, str) else value


BETAS_OF_BERT = (0.9, 0.999)
"""Of AdamW, as BERT is fine-tuned."""

_USUAL: Mapping[Family, Mapping[str, Any]] = {
    "seq2seq": {
        "warmup": 0.06,
        "decayed": "all",
        "betas": (0.9, 0.98),
        "source_length": 128,
        "target_length": 32,
    },
    # Of the classifiers of Gu et al. 2020, appendix B.2.
    "encoder": {
        "learning_rates": (2e-5,),
        "batch_size": 64,
        "warmup": 0.1,
        "decayed": "matrices",
        "betas": BETAS_OF_BERT,
        "max_length": 256,
    },
}
"""What a family's fine-tuning is like where a configuration doesn't say it."""

_NEEDED = ("learning_rates", "batch_size")
_LENGTHS = ("source_length", "target_length", "max_length")


class Finetuning(Descent):
    """Fine-tuning on a downstream task (AdamW, linear warm-up), and the search on dev for its
    settings (Ye et al. 2021, B.2).

    It counts either `epochs` or `steps`. None stands for what is usual for the model's family.
    """

    epochs: Count | None = None
    steps: Count | tuple[Count, ...] | None = None  # several are searched with each learning rate
    validate_every: Count | None = None
    # epochs or steps, as they are counted, and at the end: the best weights on dev, by the task's
    # first metric, are kept; without it after each epoch, or of steps never, and the last are kept
    patience: Count | None = None  # validations without a better one, after which it ends
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    batch_size: Count | None = None  # examples a step
    batch_sizes: tuple[Count, ...] = ()
    # searched with the best learning rate; those are tried with `batch_size`, which is one of these
    search_on: SearchedArm | None = None  # without it each arm is searched
    examples_at_once: Count | None = None  # in memory; without it all of a step
    warmup: Warmup | None = None
    weight_decay: NotNegative = 0.01
    decayed: Decayed | None = None
    betas: tuple[Rate, Rate] | None = None
    clip_norm: Positive = 1.0
    label_smoothing: Share = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None  # without it the checkpoint's own
    source_length: Count | None = None  # tokens, special ones included; longer sources are cut
    target_length: Count | None = None
    max_length: Annotated[int, Field(ge=8)] | None = None  # of the inputs of encoders, likewise
    keep: bool = False  # the fine-tuned model, beside the predictions of its run

    @model_validator(mode="after")
    def _fits_together(self) -> "Finetuning":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        if self.steps == ():
            raise ValueError("`steps`: there is none")
        if self.validate_every and self.validate_every > (most := min(self._lengths)):
            raise ValueError(f"`validate_every`: {self.validate_every} are more than all {most}")
        if self.patience and not (self.validate_every or self.epochs):
            raise ValueError("`patience` counts validations: with `steps` give `validate_every`")
        if self.batch_sizes and self.batch_size not in self.batch_sizes:
            raise ValueError(
                "`batch_size`: give one of the `batch_sizes`, which learning rates are tried with"
            )
        if self.search_on and self.learning_rates and len(self.grid.every) == 1:
            raise ValueError("`search_on`: there is one setting only, and nothing to search")
        if self.steps and isinstance(self.warmup, int) and self.warmup > min(self._lengths):
            raise ValueError(
                f"`warmup`: {self.warmup} updates are more than the {min(self._lengths)} `steps`"
            )
        return self

    @property
    def _lengths(self) -> tuple[int, ...]:
        """How many epochs or steps there are."""
        counted = self.epochs or self.steps
        assert counted is not None, "one of the two is given"
        return counted if isinstance(counted, tuple) else (counted,)

    def unsuited(self, family: Family) -> Iterator[str]:
        """What a family lacks or doesn't know, each message with its key."""
        usual = _USUAL[family]
        for key in _NEEDED:
            if getattr(self, key) is None and key not in usual:
                yield f"{key}: this key is missing"
        for key in _LENGTHS:
            if getattr(self, key) is not None and key not in usual:
                known = " and ".join(f"`{length}`" for length in _LENGTHS if length in usual)
                yield f"{key}: {FAMILIES[family].called} has {known} instead"

    def lengths(self, family: Family) -> dict[str, int]:
        """The tokens that a family cuts texts to, by key."""
        usual = _USUAL[family]
        return {key: getattr(self, key) or usual[key] for key in _LENGTHS if key in usual}

    def of(self, family: Family) -> "Finetuning":
        """All of it for a family. Raises InputError where that lacks something."""
        if problems := list(self.unsuited(family)):
            raise InputError("\n".join(f"finetuning: {problem}" for problem in problems))
        unsaid = {key: value for key, value in _USUAL[family].items() if getattr(self, key) is None}
        return self.model_copy(update=unsaid)

    @property
    def grid(self) -> Grid:
        """What is searched, of a record that says all."""
        assert self.learning_rates, "see `of`"
        # First the one that learning rates are tried with.
        sizes = sorted(self.batch_sizes, key=lambda size: size != self.batch_size)
        steps = self.steps if isinstance(self.steps, tuple) else ()
        return Grid(self.learning_rates, steps, tuple(sizes))

    def at(self, setting: Setting, examples: int) -> Training:
        """This fine-tuning, of a record that says all, with one setting on so many examples.

        Raises InputError where the warm-up is longer than the training.
        """
        batch_size = setting.batch_size or self.batch_size
        steps = setting.steps or self.steps
        assert batch_size and not isinstance(steps, tuple), "the setting says what is searched"
        an_epoch = -(-examples // batch_size)
        validate_every = self.validate_every
        if steps is None:
            assert self.epochs is not None
            steps = an_epoch * self.epochs
            validate_every = an_epoch * (validate_every or 1)
        if isinstance(self.warmup, int) and self.warmup > steps:
            raise InputError(
                f"finetuning: warmup: {self.warmup} updates are more than the {steps} that"
                f" {self.epochs} epochs of {examples} examples have, {batch_size} at a time"
            )
        shared = self.model_dump(include=set(Optimisation.model_fields) - {"steps", "batch_size"})
        return Training(
            optimisation=Optimisation(steps=steps, batch_size=batch_size, **shared),
            learning_rate=setting.learning_rate,
            validate_every=validate_every,
            patience=self.patience,
            examples_at_once=self.examples_at_once,
        )


class EncoderTraining(Spec):
    """Training of an encoder for a network, with AdamW and linear warm-up and decay; the epoch with
    the best dev score is kept.

    The defaults are those of the classifiers of Gu et al. 2020, appendix B.2.
    """

    learning_rate: Positive = 2e-5  # the peak
    batch_size: Count = 64  # examples a step
    epochs: Count = 10  # at most
    max_length: Annotated[int, Field(ge=8)] = 256  # tokens, special ones included; cut beyond
    warmup: Share = 0.1  # share of the steps
    weight_decay: NotNegative = 0.01
    decayed: Decayed = "matrices"

    def on(self, examples: int) -> Training:
        """This training on so many examples."""
        settings = self.model_dump(exclude={"learning_rate", "epochs", "max_length"})
        steps = -(-examples // self.batch_size)
        optimisation = Optimisation(steps=steps * self.epochs, betas=BETAS_OF_BERT, **settings)
        return Training(
            optimisation=optimisation, learning_rate=self.learning_rate, validate_every=steps
        )
