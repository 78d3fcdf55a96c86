"""Tab-separated lines, as GLUE (Wang et al. 2018) is released: quotation marks are text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

LICENCE = "that of each task's texts; see https://gluebenchmark.com"
CITATION = "Wang et al. 2018"

Column = str | Annotated[int, Field(ge=0)]
"""A name in the header, or, where there is none, a number from 0."""


class LabelledExamples(base.LabelledFiles):
    """One example a line, in columns of these names or numbers."""

    source: Literal["tsv"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    text_column: Column
    pair_column: Column | None = None
    label_column: Column
    group_column: Column | None = None  # examples equal in it are in one split; else equal texts
    cluster_column: Column | None = None  # those equal in it aren't independent in tests
    short_lines: Literal["refuse", "skip"] = "refuse"  # lines without those columns; QQP has a few

    @model_validator(mode="after")
    def _one_kind(self) -> "LabelledExamples":
        if len({type(column) for column in self.columns}) > 1:
            raise ValueError("columns are all names of a header, or all numbers without a header")
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read: of text and label, and of all else where there are any."""
        wanted = (
            *(self.text_column, self.pair_column, self.label_column),
            *(self.group_column, self.cluster_column),
        )
        return tuple(column for column in wanted if column is not None)

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Line after line; how many are left out, as too short, is said on stderr."""
        for number, fields in self._fields(path):
            label = fields[self.label_column].strip()
            if not label:
                raise ArtefactError(f"{path}, line {number}: the label is empty")
            yield base.ClassificationExample(
                id=f"{base.file_stem(path)}-{number}",
                text=fields[self.text_column],
                pair=None if self.pair_column is None else fields[self.pair_column],
                label=label,
                group="" if self.group_column is None else fields[self.group_column],
                cluster="" if self.cluster_column is None else fields[self.cluster_column],
            )

    def _fields(self, path: Path) -> Iterator[tuple[int, dict[Column, str]]]:
        """What is in each of `columns`, line after line, with the number of the line."""
        lines = ((number, line.split("\t")) for number, line in read_lines(path) if line)
        named = [column for column in self.columns if isinstance(column, str)]
        numbers = [column for column in self.columns if isinstance(column, int)]
        wide = 0
        if named:
            try:
                number, header = next(lines)
            except StopIteration:
                raise ArtefactError(f"{path}: the file is empty") from None
            numbers, wide = _places(path, named, number, header), len(header)
        last = max(numbers)
        with base.skipping(path) as skip:
            for number, fields in lines:
                wide = wide or len(fields)
                if len(fields) > last and len(fields) <= wide:
                    read = (fields[column] for column in numbers)
                    yield number, dict(zip(self.columns, read, strict=True))
                elif len(fields) <= last and self.short_lines == "skip":
                    skip("too short")
                else:
                    wanted = f"column {last} (from 0) is wanted"
                    if len(fields) > wide:
                        wanted = f"the first line has {wide}: a tab in a text?"
                    problem = f"{len(fields)} columns, but {wanted}"
                    raise ArtefactError(f"{path}, line {number}: {problem}")


def _places(path: Path, named: list[str], number: int, header: list[str]) -> list[int]:
    """The numbers of the columns of these names."""
    for name in named:
        if name not in header:
            known = ", ".join(map(repr, header))
            raise ArtefactError(f"{path}, line {number}: no column {name!r} among {known}")
    return list(map(header.index, named))
