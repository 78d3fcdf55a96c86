"""What sources yield: documents, and examples of downstream tasks; and what their records promise.

A source is one published format: a module of this room that :mod:`maskpolicy.sources.registry`
names. For each thing that it yields, it has a record of what can be configured, under the name of
the promise that it keeps: `Documents`, `Seq2SeqExamples`, `LabelledExamples`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationInfo, field_validator

from maskpolicy.specs import Spec, expand_home

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Document:
    """A text and its title ("" where it has none)."""

    title: str
    text: str


def titled(title: str, text: str) -> str:
    """A text that begins with its title, as sequences of tokens and contexts of examples do."""
    return f"{title}. {text}" if title else text


@dataclass(frozen=True)
class Example:
    """One example of a seq2seq task (Ye et al. 2021, section 2: context c, source s, target t).

    id: stable and unique in the task, "subject/relation" where examples ask for relations; context:
    the passage that answers it ("" where none is known); answers: all acceptable ones, the target
    first; group: what stays in one split with it, for dealing ("" where its question decides).
    """

    id: str
    context: str
    source: str
    target: str
    answers: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True)
class ClassificationExample:
    """A text, or an aspect or first sentence and the text that goes with it, and its label.

    group: what stays in one split with it, for dealing ("" where its text decides).
    """

    id: str
    text: str
    pair: str | None
    label: str
    group: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """The one acceptable prediction."""
        return (self.label,)


class Source(Spec, ABC):
    """Base of the records of sources; a source narrows `source` to its name in the registry."""

    PATHS: ClassVar[tuple[str, ...]] = ()
    """Which fields hold the path of a file or folder that the source reads."""

    source: str

    @field_validator("*")
    @classmethod
    def _expand_home(cls, value: Any, info: ValidationInfo) -> Any:
        """In paths, `~` is the home."""
        is_path = info.field_name in cls.PATHS and isinstance(value, str)
        return expand_home(value) if is_path else value

    def paths(self) -> dict[str, str]:
        """The files and folders that are read, by the field that gives them."""
        given = {field: getattr(self, field) for field in self.PATHS}
        return {field: path for field, path in given.items() if path is not None}

    @property
    def named(self) -> str:
        """What messages call it: its files, or where there are none its format."""
        return ", ".join(self.paths().values()) or self.source


class Documents(Source):
    """A source of documents."""

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """Every document, in the order of the source.

        Raises ArtefactError naming the file, and the line where there is one, that can't be read.
        """


class Seq2SeqExamples(Source):
    """A source of examples whose answers are generated."""

    @abstractmethod
    def splits(self) -> dict[str, list[Example]]:
        """The examples of each split that the source tells apart.

        Splits that are not there are to be dealt from `train`, which always is. Raises
        ArtefactError naming the file and line that can't be read.
        """


class LabelledExamples(Source):
    """A source of examples with a label, which for a regression is a number in digits."""

    @abstractmethod
    def splits(self) -> dict[str, list[ClassificationExample]]:
        """The examples of each split that the source tells apart, as for `Seq2SeqExamples`."""


class LabelledFiles(LabelledExamples):
    """A source of labelled examples that has a file for each split, or one to deal from.

    The fields `train`, `dev` and `test` are the paths; PATHS of a format without a file for one of
    them names the others.
    """

    PATHS: ClassVar[tuple[str, ...]] = SPLITS

    @abstractmethod
    def read(self, path: Path) -> Iterator[ClassificationExample]:
        """The examples of a file. Raises ArtefactError naming the file and line."""

    def splits(self) -> dict[str, list[ClassificationExample]]:
        """The splits that have a file."""
        paths = self.paths()
        return {split: list(self.read(Path(paths[split]))) for split in SPLITS if split in paths}
