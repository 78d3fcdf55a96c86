"""Plain text: a blank line ends a document, or every line does."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

MANY_LINES = 20
"""From so many lines on, one document is more likely to be many whose ends are not marked."""


class Documents(base.Documents):
    """The documents of a plain-text file."""

    PATHS = ("path",)

    source: Literal["text"]
    path: str
    split: Literal["paragraphs", "lines"] = "paragraphs"
    # paragraphs: a blank line ends a document; lines: one document a line

    def documents(self) -> Iterator[base.Document]:
        """Runs of lines between blank lines, or the lines that are not blank.

        When the whole file is one document of many lines, a line on stderr says so.
        """
        lines = (text for _, text in read_lines(Path(self.path)))
        if self.split == "lines":
            yield from (base.Document("", line) for line in lines if line.strip())
            return
        documents = 0
        for paragraph in _paragraphs(lines):
            documents += 1
            yield base.Document("", "\n".join(paragraph))
        if documents == 1 and len(paragraph) >= MANY_LINES:
            print(
                f"{self.path}: no line is blank, so its {len(paragraph):,} lines are one document;"
                " if each is a document, write `split: lines`",
                file=sys.stderr,
            )


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph
