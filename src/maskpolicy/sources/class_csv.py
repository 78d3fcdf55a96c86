"""Classes of texts as CSV without a header: Yelp, Amazon, DBpedia, Yahoo (Zhang et al. 2015)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from maskpolicy.errors import ArtefactError, counted
from maskpolicy.sources import base
from maskpolicy.text_files import parse_csv_line, read_lines

LICENCE = "unknown; see the readme.txt of each set"
CITATION = "Zhang, Zhao and LeCun 2015"


Unescape = Callable[[str], str]
"""What a set needs for its texts to be as they were written."""


class ClassDocuments(base.DocumentFiles):
    """The texts without their classes, as a corpus of the same domain."""

    UNESCAPE: ClassVar[Unescape]

    def read(self, path: Path) -> Iterator[base.Document]:
        """Row after row."""
        return (base.Document(row.title, row.text) for row in _rows(path, type(self).UNESCAPE))


class ClassExamples(base.LabelledFiles):
    """A text, after its title where it has one, and its class: a number, or one of `classes`."""

    PATHS = (*base.SPLITS, "classes")

    train: str  # path, or a pattern of several
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    classes: str | None = None  # classes.txt: their names, one a line; without it they are numbers

    UNESCAPE: ClassVar[Unescape]

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Row after row; those without any text are counted."""
        names = [] if self.classes is None else _names(Path(self.classes))
        with base.skipping(path) as skip:
            for row in _rows(path, type(self).UNESCAPE):
                if names and not 1 <= row.label <= len(names):
                    problem = f"class {row.label} is none of the {len(names)} in {self.classes}"
                    raise ArtefactError(f"{path}, line {row.line}: {problem}")
                label = names[row.label - 1] if names else str(row.label)
                if text := base.titled(row.title, row.text):
                    yield base.ClassificationExample(
                        f"{base.file_stem(path)}-{row.line}", text, None, label
                    )
                else:
                    skip("without any text")


def with_line_ends(text: str) -> str:
    r"""A text whose line ends are written as `\n`, and, in Yelp's reviews, `"` as `\"`."""
    return re.sub(r'\\(n|")', lambda found: "\n" if found[1] == "n" else '"', text)


class Documents(ClassDocuments):
    """The texts of Yelp, Amazon and their like."""

    source: Literal["class-csv"]
    UNESCAPE = with_line_ends


class LabelledExamples(ClassExamples):
    """The texts of Yelp, Amazon and their like, with their classes."""

    source: Literal["class-csv"]
    UNESCAPE = with_line_ends


@dataclass(frozen=True)
class _Row:
    line: int
    label: int
    title: str
    text: str


def _rows(path: Path, unescape: Unescape) -> Iterator[_Row]:
    """The rows of a file, a line each: a class, perhaps a title, and one text or more."""
    columns = 0
    for number, line in read_lines(path):
        if not line:
            continue
        row = parse_csv_line(line, f"{path}, line {number}")
        columns = columns or len(row)
        if len(row) < 2 or len(row) != columns:
            wanted = "a class and a text are" if columns < 2 else f"{columns} are"
            problem = f"{counted(len(row), 'column')}, but {wanted} expected"
            raise ArtefactError(f"{path}, line {number}: {problem}")
        label, *texts = row
        if not re.fullmatch("[0-9]{1,9}", label):
            problem = f"the class {label!r} is no number: a header, or another format?"
            raise ArtefactError(f"{path}, line {number}: {problem}")
        title, *texts = ([""] if columns == 2 else []) + [unescape(text).strip() for text in texts]
        yield _Row(number, int(label), title, "\n".join(filter(None, texts)))


def _names(path: Path) -> list[str]:
    """The names of classes 1, 2, …"""
    names = [line.strip() for _, line in read_lines(path)]
    while names and not names[-1]:
        names.pop()
    if not names or "" in names:
        raise ArtefactError(f"{path}: the name of a class a line is expected, and none is blank")
    return names
