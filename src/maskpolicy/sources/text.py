"""Plain text: a blank line ends a document, or every line does."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

MANY_LINES = 20
"""From so many lines on, one document is more likely to be many whose ends are not marked."""


LONGEST_DOCUMENT = 1 << 28
"""Characters: a longer one is a file whose documents have no ends, and would fill the memory."""


class Documents(base.DocumentFiles):
    """The documents of plain-text files, which may be compressed."""

    source: Literal["text"]
    split: Literal["paragraphs", "lines"] = "paragraphs"
    # paragraphs: a blank line ends a document; lines: one document a line

    def read(self, path: Path) -> Iterator[base.Document]:
        """Runs of lines between blank lines, or the lines that are not blank.

        When the whole file is one document of many lines, a line on stderr says so.
        """
        lines = (text for _, text in read_lines(path))
        if self.split == "lines":
            yield from (base.Document("", line) for line in lines if line.strip())
            return
        documents = 0
        for paragraph in _paragraphs(path, lines):
            documents += 1
            yield base.Document("", "\n".join(paragraph))
        if documents == 1 and len(paragraph) >= MANY_LINES:
            print(
                f"{path}: no line is blank, so its {len(paragraph):,} lines are one document;"
                " if each is a document, write `split: lines`",
                file=sys.stderr,
            )


def _paragraphs(path: Path, lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    length = 0
    for line in lines:
        if line.strip():
            paragraph.append(line)
            length += len(line)
            if length > LONGEST_DOCUMENT:
                raise ArtefactError(
                    f"{path}: no line is blank in {LONGEST_DOCUMENT >> 20} MB, so they are none;"
                    " if each line is one, write `split: lines`"
                )
        elif paragraph:
            yield paragraph
            paragraph, length = [], 0
    if paragraph:
        yield paragraph
