"""What sources yield: documents, and examples of downstream tasks; and what their records promise.

A source is one published format: a module of this room that :mod:`maskpolicy.sources.registry`
names. For each thing that it yields, it has a record of what can be configured, under the name of
the promise that it keeps: `Documents`, `Seq2SeqExamples`, `LabelledExamples`.
"""

import re
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationInfo, field_validator

from maskpolicy.errors import ArtefactError, counted
from maskpolicy.specs import Spec, find_path
from maskpolicy.text_files import codec_of

SPLITS = ("train", "dev", "test")

T = TypeVar("T")


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
    first; group: what stays in one split with it, for dealing ("" where its question decides);
    cluster: what makes it like others, for tests over examples: the country or passage asked about
    ("" where its group is that); choices: what multiple choice chooses from, the answer among them;
    they stand in the source too.
    """

    id: str
    context: str
    source: str
    target: str
    answers: tuple[str, ...]
    group: str = ""
    cluster: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassificationExample:
    """A text, or an aspect or first sentence and the text that goes with it, and its label.

    group: what stays in one split with it, for dealing ("" where its text decides); cluster: what
    makes it like others, for tests over examples ("" where its group is that).
    """

    id: str
    text: str
    pair: str | None
    label: str
    group: str = ""
    cluster: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """The one acceptable prediction."""
        return (self.label,)


class Source(Spec, ABC):
    """Base of the records of sources; a source narrows `source` to its name in the registry."""

    PATHS: ClassVar[tuple[str, ...]] = ()
    """Which fields hold the path of a file or folder that is read, or a pattern of several."""

    source: str

    @field_validator("*")
    @classmethod
    def _find_paths(cls, value: Any, info: ValidationInfo) -> Any:
        is_path = info.field_name in cls.PATHS and isinstance(value, str)
        return find_path(value, info) if is_path else value

    def paths(self) -> dict[str, str]:
        """The files, folders and patterns that are read, by the field that gives them."""
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


class DocumentFiles(Documents):
    """Documents in a file, or in several, which processes may share between them.

    The field `path` is that of a file, or a pattern of several.
    """

    PATHS: ClassVar[tuple[str, ...]] = ("path",)

    path: str

    def files(self) -> list[Path]:
        """The files, in order. Raises ArtefactError when there are none."""
        return files_at(self.path)

    @abstractmethod
    def read(self, path: Path) -> Iterator[Document]:
        """The documents of a file. Raises ArtefactError naming the file and line."""

    def documents(self) -> Iterator[Document]:
        """The documents of one file after the other."""
        return chain.from_iterable(map(self.read, self.files()))


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


class _Files(Source):
    """A source of examples that has a file for each split, or one to deal from.

    The fields `train`, `dev` and `test` are the paths, or patterns of several files; PATHS of a
    format without a file for one of them names the others.
    """

    PATHS: ClassVar[tuple[str, ...]] = SPLITS

    def _split_files(self) -> dict[str, list[Path]]:
        """The files of each split that has some."""
        paths = self.paths()
        return {split: files_at(paths[split]) for split in SPLITS if split in paths}

    def _read_splits(self, read: Callable[[Path], Iterator[T]]) -> dict[str, list[T]]:
        """What is read of the files of each split; raises ArtefactError where that is nothing."""
        splits = {}
        for split, files in self._split_files().items():
            splits[split] = [example for file in files for example in read(file)]
            if not splits[split]:
                raise ArtefactError(f"{self.paths()[split]}: no example in it")
        return splits


class Seq2SeqFiles(_Files, Seq2SeqExamples):
    """Examples whose answers are generated, in a file for each split, or in one to deal from."""

    @abstractmethod
    def read(self, path: Path) -> Iterator[Example]:
        """The examples of a file. Raises ArtefactError naming the file and line."""

    def splits(self) -> dict[str, list[Example]]:
        """The splits that have a file."""
        return self._read_splits(self.read)


class LabelledFiles(_Files, LabelledExamples):
    """Examples with a label, in a file for each split, or in one to deal from."""

    @abstractmethod
    def read(self, path: Path) -> Iterator[ClassificationExample]:
        """The examples of a file. Raises ArtefactError naming the file and line."""

    def splits(self) -> dict[str, list[ClassificationExample]]:
        """The splits that have a file."""
        return self._read_splits(self.read)


def files_at(path: str) -> list[Path]:
    """The file or folder of a path, or those that match a pattern with `*`, sorted.

    Raises ArtefactError, naming the pattern, when nothing matches it.
    """
    if "*" not in path or Path(path).exists():
        return [Path(path)]
    pattern = Path(re.sub(r"([?[])", r"[\1]", path))  # the other wildcards are text
    if found := sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))):
        return found
    raise ArtefactError(f"no file matches {path!r}")


@contextmanager
def skipping(path: Path | str, noun: str = "example") -> Iterator[Callable[[str], None]]:
    """Counts what is left out of a file of a format that is known to be dirty, and says it.

    `noun` is what each is. Call what it yields with the reason, as "no positive context"; at the
    end the counts of all reasons are said on stderr, which logs hold and `maskpolicy inspect`
    shows.
    """
    reasons: Counter[str] = Counter()

    def skip(reason: str) -> None:
        reasons[reason] += 1

    yield skip
    if reasons:
        why = "; ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())
        of = counted(reasons.total(), noun)
        print(f"{path}: {of} left out: {why}", file=sys.stderr)


def file_stem(path: Path) -> str:
    """A file's name without the ending of its format, which begins the ids of examples without any.

    Only that ending, and that of its compression: NQ-open.train.jsonl and NQ-open.dev.jsonl differ.
    """
    return Path(path.stem if codec_of(path) else path).stem
