"""News in four classes: AG's News as CSV of class, title and description (Zhang et al. 2015)."""

from typing import Literal

from maskpolicy.sources.class_csv import ClassDocuments, ClassExamples

LICENCE = "non-commercial; see http://www.di.unipi.it/~gulli/AG_corpus_of_news_articles.html"
CITATION = "Zhang, Zhao and LeCun 2015"


def without_line_ends(text: str) -> str:
    r"""A text whose line ends are spaces.

    They are backslashes in the published files ("its\northern"), not the `\n` of their readme.txt.
    """
    return " ".join(text.replace("\\", " ").split())


class Documents(ClassDocuments):
    """The news without their classes, as a corpus of the same domain."""

    source: Literal["ag-news"]
    UNESCAPE = without_line_ends


class LabelledExamples(ClassExamples):
    """A title and its description, and its class: a number, or one of `classes`."""

    source: Literal["ag-news"]
    UNESCAPE = without_line_ends
