"""Classes of texts as CSV without a header: Yelp, Amazon, DBpedia, Yahoo (Zhang et al. 2015)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError, counted
from maskpolicy.sources import base
from maskpolicy.text_files import parse_csv_line, read_lines

LICENCE = "unknown; see the readme.txt of each set"
CITATION = "Zhang, Zhao and LeCun 2015"


class Documents(base.DocumentFiles):
    """The texts without their classes, as a corpus of the same domain."""

    source: Literal["class-csv"]

    def read(self, path: Path) -> Iterator[base.Document]:
        """Row after row."""
        return read_documents(path, with_line_ends)


class LabelledExamples(base.LabelledFiles):
    """A text, after its title where it has one, and its class: a number, or one of `classes`."""

    PATHS = (*base.SPLITS, "classes")

    source: Literal["class-csv"]
    train: str  # path, or a pattern of several
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    classes: str | None = None  # classes.txt: their names, one a line; without it they are numbers

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Row after row; those without any text are counted."""
        return read_examples(path, self.classes, with_line_ends)


Unescape = Callable[[str], str]
"""What a set needs for its texts to be as they were written."""


def with_line_ends(text: str) -> str:
    r"""A text whose line ends are written as `\n`, and, in Yelp's reviews, `"` as `\"`."""
    return re.sub(r'\\(n|")', lambda found: "\n" if found[1] == "n" else '"', text)


def read_documents(path: Path, unescape: Unescape) -> Iterator[base.Document]:
    """The texts of a file with their titles. Raises ArtefactError naming the file and line."""
    return (base.Document(row.title, row.text) for row in _rows(path, unescape))


def read_examples(
    path: Path, classes: str | None, unescape: Unescape
) -> Iterator[base.ClassificationExample]:
    """The texts of a file with their classes. Raises ArtefactError naming the file and line."""
    names = [] if classes is None else _names(Path(classes))
    with base.skipping(path) as skip:
        for row in _rows(path, unescape):
            if names and not 1 <= row.label <= len(names):
                problem = f"class {row.label} is none of the {len(names)} in {classes}"
                raise ArtefactError(f"{path}, line {row.line}: {problem}")
            label = names[row.label - 1] if names else str(row.label)
            if text := base.titled(row.title, row.text):
                yield base.ClassificationExample(
                    f"{base.file_stem(path)}-{row.line}", text, None, label
                )
            else:
                skip("without any text")


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
