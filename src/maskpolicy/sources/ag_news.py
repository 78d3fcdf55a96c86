"""News in four classes: AG's News as CSV of class, title and description (Zhang et al. 2015)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.sources.class_csv import read_documents, read_examples

LICENCE = "non-commercial; see http://www.di.unipi.it/~gulli/AG_corpus_of_news_articles.html"
CITATION = "Zhang, Zhao and LeCun 2015"


class Documents(base.DocumentFiles):
    """The news without their classes, as a corpus of the same domain."""

    source: Literal["ag-news"]

    def read(self, path: Path) -> Iterator[base.Document]:
        """Row after row."""
        return read_documents(path, without_line_ends)


class LabelledExamples(base.LabelledFiles):
    """A title and its description, and its class: a number, or one of `classes`."""

    PATHS = (*base.SPLITS, "classes")

    source: Literal["ag-news"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    classes: str | None = None  # classes.txt: their names, one a line; without it they are numbers

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Row after row."""
        return read_examples(path, self.classes, without_line_ends)


def without_line_ends(text: str) -> str:
    r"""A text whose line ends are spaces.

    They are backslashes in the published files ("its\northern"), not the `\n` of their readme.txt.
    """
    return " ".join(text.replace("\\", " ").split())
