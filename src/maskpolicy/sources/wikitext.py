"""WikiText-2 and WikiText-103, tokens or raw: articles of Wikipedia that begin ` = Title = `."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

LICENCE = "CC BY-SA 3.0"
CITATION = "Merity et al. 2017, Pointer Sentinel Mixture Models"

LONGEST_ARTICLE = 1 << 26
"""Characters: where there are more without a title between them, the file is none of WikiText."""

_HEADING = re.compile(r"((?:= )+)(.*?\S)((?: =)+)")

# Moses' tokens put together again: with what is before them, behind them, and on both sides.
_JOINED = re.compile(r" @([-,.])@ ")
_CLOSING = re.compile(r" ([,.;:!?%)\]}]|'(?:s|t|re|ve|ll|d|m)\b|(?<=s )'(?= [a-z]))")
_OPENING = re.compile(r"([(\[{$£€#]) ")
_BETWEEN = re.compile(r" (/) |(?<=\d) (–) (?=\d)")
_QUOTED = re.compile(r'" ([^"]*?) "')


class Documents(base.DocumentFiles):
    """The articles of a file, or of several."""

    source: Literal["wikitext"]

    def read(self, path: Path) -> Iterator[base.Document]:
        """Article after article, a paragraph a line, spelt as text is and not in tokens.

        A heading of a section is a line of its own that ends in a full stop, so it is a sentence;
        there is none where no text follows it. What stands before the first title is a document
        without one; <unk> stays, so the raw form, which has none, is the better one to read.
        """
        article = _Article("")
        structured = False
        blank_before = True
        for number, line in read_lines(path):
            line = line.strip()
            heading = _HEADING.fullmatch(line) if blank_before else None
            if heading and len(heading[1]) == len(heading[3]):
                structured = True
                level, words = len(heading[1]) // 2, detokenised(heading[2])
                if level == 1:
                    yield from article.documents()
                    article = _Article(words)
                else:
                    article.begin_section(level, words)
            elif line:
                article.add(detokenised(line))
            if article.length > LONGEST_ARTICLE:
                raise ArtefactError(
                    f"{path}, line {number}: no line ` = Title = ` in {LONGEST_ARTICLE >> 20} MB"
                    " before it: this is not WikiText"
                )
            blank_before = not line
        if not structured:
            raise ArtefactError(f"{path}: no line is a heading, as ` = Title = `: not WikiText")
        yield from article.documents()


class _Article:
    """The lines of an article that have been read."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.length = 0
        self._lines: list[str] = []
        self._headings: list[tuple[int, str]] = []  # that no text followed yet

    def begin_section(self, level: int, words: str) -> None:
        self._headings = [heading for heading in self._headings if heading[0] < level]
        self._headings.append((level, words))

    def add(self, text: str) -> None:
        self._lines += [w if w[-1] in ".!?:" else f"{w}." for _, w in self._headings]
        self._headings = []
        self._lines.append(text)
        self.length += len(text)

    def documents(self) -> Iterator[base.Document]:
        """The article, if there is any text of it."""
        if self._lines:
            yield base.Document(self.title, "\n".join(self._lines))


def detokenised(line: str) -> str:
    """A line of WikiText as it was before it was cut into tokens, as well as can be told."""
    text = _JOINED.sub(r"\1", line)
    text = _QUOTED.sub(r'"\1"', text)
    text = _CLOSING.sub(r"\1", text)
    text = _OPENING.sub(r"\1", text)
    text = _BETWEEN.sub(r"\1\2", text)
    return " ".join(text.split())
