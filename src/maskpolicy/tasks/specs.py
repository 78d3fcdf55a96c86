"""The parameters of downstream tasks, validated; importing this module loads nothing heavy."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, SerializeAsAny, Tag, model_validator

from maskpolicy.evaluation.metrics.registry import metrics_of
from maskpolicy.evaluation.specs import AnswerMetric, ClassMetric, MetricName
from maskpolicy.sources.base import LabelledExamples, Seq2SeqExamples, Source
from maskpolicy.sources.registry import by_name, kind_yielded
from maskpolicy.specs import Count, Name, Seed, Spec

TaskKind = Literal["seq2seq", "classification"]
Split = Literal["train", "dev", "test"]

_BY_NAME = by_name("Seq2SeqExamples", "LabelledExamples")


def _share_or_number(wanted: int | float) -> int | float:
    if not (0 < wanted < 1 or (isinstance(wanted, int) and wanted >= 1)):
        raise ValueError("a share between 0 and 1 is expected, or a number of examples")
    return wanted


def _or_none(wanted: int | float) -> int | float:
    return 0 if wanted == 0 else _share_or_number(wanted)


class Dealing(Spec):
    """How the examples of a task get into its splits, of which its source may lack some.

    What the source tells apart stays as published, in its order; the others are dealt from train.
    """

    kind: ClassVar[TaskKind]

    # Each a share of the examples of train, or how many of them.
    dev: Annotated[int | float, AfterValidator(_share_or_number)] = 0.1
    test: Annotated[int | float, AfterValidator(_or_none)] = 0.2  # 0: none, as of what only teaches
    deal: Literal["hashed", "in-order"] = "hashed"
    # hashed: by a hash of each, and examples that ask the same together; in-order: of the order of
    # the source, the first are train, those after them dev, and the last test
    split_seed: Seed = 0  # of the hash
    dev_as_test: bool = False
    # The source's dev is the test split, for a benchmark hides its own, and dev is dealt.
    drop_shared: bool = False
    # Examples of train that ask what one of dev or test asks, or are of its group, are left out.
    finetuning: Name = "default"  # which record of the study
    expected: dict[Split, Count] = Field(default_factory=dict)  # of examples, as a paper prints it

    @model_validator(mode="after")
    def _some_of_each(self) -> "Dealing":
        if self.dev < 1 and self.test < 1 and self.dev + self.test >= 1:
            raise ValueError("`dev` and `test` leave nothing to train on: they sum to 1 or more")
        if self.dev_as_test and not self.test:
            raise ValueError("`dev_as_test` makes a test split, and `test: 0` wants none")
        return self

    @model_validator(mode="after")
    def _of_what_the_source_has(self) -> "Dealing":
        """As far as its record says it: some sources have splits without keys for them."""
        examples: Source = self.examples  # type: ignore[attr-defined]  # of each kind its own
        given = {split: getattr(examples, split, None) is not None for split in ("dev", "test")}
        if self.dev_as_test and "dev" in type(examples).model_fields and not given["dev"]:
            raise ValueError("`dev_as_test`: `examples` names no `dev` to be the test split")
        if self.dev_as_test and given["test"]:
            raise ValueError("`dev_as_test`: `examples` names a `test` of its own")
        if not self.test and given["test"]:
            raise ValueError("`test: 0` wants no test split, and `examples` names a `test`")
        return self


class Seq2SeqTask(Dealing):
    """Sources and the targets that a model has to generate: questions and their answers."""

    kind: ClassVar[TaskKind] = "seq2seq"

    examples: Annotated[SerializeAsAny[Seq2SeqExamples], _BY_NAME]
    generation: Name = "default"  # which record of the study
    metrics: tuple[AnswerMetric, ...] = Field(("exact_match",), min_length=1)


class ClassificationTask(Dealing):
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


class UnclearTask(Dealing):
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
