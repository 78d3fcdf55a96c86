"""The parameters of downstream tasks, validated; importing this module loads nothing heavy."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, SerializeAsAny, Tag, model_validator

from maskpolicy.evaluation.metrics.registry import metrics_of
from maskpolicy.evaluation.specs import AnswerMetric, ClassMetric, MetricName
from maskpolicy.sources.base import LabelledExamples, Seq2SeqExamples, Source
from maskpolicy.sources.registry import by_name, kind_yielded
from maskpolicy.specs import Count, Name, Rate, Seed, Spec

TaskKind = Literal["seq2seq", "classification"]
Split = Literal["train", "dev", "test"]

_BY_NAME = by_name("Seq2SeqExamples", "LabelledExamples")


class Shares(Spec):
    """How the examples of a task are dealt to splits that its source has no file of."""

    kind: ClassVar[TaskKind]

    dev: Rate = 0.1  # share of the examples
    test: Rate = 0.2
    split_seed: Seed = 0
    finetuning: Name = "default"  # which record of the study
    expected: dict[Split, Count] = Field(default_factory=dict)  # of examples, as a paper prints it

    @model_validator(mode="after")
    def _some_train(self) -> "Shares":
        if self.dev + self.test >= 1:
            raise ValueError("`dev` and `test` leave nothing to train on: they sum to 1 or more")
        return self


class Seq2SeqTask(Shares):
    """Sources and the targets that a model has to generate: questions and their answers."""

    kind: ClassVar[TaskKind] = "seq2seq"

    examples: Annotated[SerializeAsAny[Seq2SeqExamples], _BY_NAME]
    generation: Name = "default"  # which record of the study
    metrics: tuple[AnswerMetric, ...] = Field(("exact_match",), min_length=1)


class ClassificationTask(Shares):
    """Texts or pairs of texts and their labels, or, in a regression, numbers."""

    kind: ClassVar[TaskKind] = "classification"

    examples: Annotated[SerializeAsAny[LabelledExamples], _BY_NAME]
    regression: bool = False
    metrics: tuple[ClassMetric, ...] = Field(
        # What prepares a task reads it without metrics.
        default_factory=lambda task: ("pearson",) if task.get("regression") else ("accuracy",),
        min_length=1,
    )

    @model_validator(mode="after")
    def _scorable(self) -> "ClassificationTask":
        needed = metrics_of("number" if self.regression else "label")
        for metric in self.metrics:
            if metric not in needed:
                what = "a regression" if self.regression else "labels"
                raise ValueError(
                    f"`metrics`: {metric!r} can't score {what}, which {', '.join(needed)} can"
                )
        return self


class UnclearTask(Shares):
    """A task whose source yields no examples: an error, read for what else may be wrong with it."""

    examples: Annotated[Source, _BY_NAME]
    generation: Name = "default"
    regression: bool = False
    metrics: tuple[MetricName, ...] = ()


def _kind(value: Any) -> TaskKind | Literal["unclear"]:
    """Which kind a task is follows from what its source yields."""
    if isinstance(value, Seq2SeqTask | ClassificationTask):
        return value.kind
    examples = value.get("examples") if isinstance(value, dict) else None
    match kind_yielded(examples, "Seq2SeqExamples", "LabelledExamples"):
        case "Seq2SeqExamples":
            return "seq2seq"
        case "LabelledExamples":
            return "classification"
        case _:
            return "unclear"


Task = Annotated[
    Annotated[Seq2SeqTask, Tag("seq2seq")]
    | Annotated[ClassificationTask, Tag("classification")]
    | Annotated[UnclearTask, Tag("unclear")],
    Discriminator(_kind),
]
