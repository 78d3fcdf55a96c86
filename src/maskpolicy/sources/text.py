"""Plain text: a blank line ends a document."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.text_files import read_lines


class Documents(base.Documents):
    """The documents of a plain-text file."""

    PATHS = ("path",)

    source: Literal["text"]
    path: str

    def documents(self) -> Iterator[base.Document]:
        """Runs of lines between blank lines."""
        for lines in _paragraphs(text for _, text in read_lines(Path(self.path))):
            yield base.Document("", "\n".join(lines))


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
