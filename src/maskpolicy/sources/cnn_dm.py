"""News and their highlights: CNN/DailyMail as .story files with lists of URLs for the splits."""

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError, counted
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

LICENCE = "unknown; see https://cs.nyu.edu/~kcho/DMQA"
CITATION = "Hermann et al. 2015; Nallapati et al. 2016; See et al. 2017"

HIGHLIGHT = "@highlight"
"""The line before each sentence of the summary; the article ends at the first."""


class Seq2SeqExamples(base.Seq2SeqFiles):
    """An article, a paragraph a line, and its highlights, one a line; ids are hashes of URLs.

    The article is both context and source. A given oracle (MatchSum's form) numbers these lines.
    """

    PATHS = (*base.SPLITS, "stories")

    source: Literal["cnn-dm"]
    stories: str  # folder of .story files, or a pattern of several: data/*/stories
    train: str  # list of URLs, one a line; so are dev and test
    dev: str | None = None
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """The stories of a list; those that a release lacks, or that lack a part, are counted."""
        folders = base.files_at(self.stories)
        listed: set[str] = set()
        found = False
        with base.skipping(path) as skip:
            for _, line in read_lines(path):
                if not (url := line.strip()):
                    continue
                name = sha1(url.encode(), usedforsecurity=False).hexdigest()
                if name in listed:
                    skip("listed before")
                    continue
                listed.add(name)
                files = (folder / f"{name}.story" for folder in folders)
                if (file := next(filter(Path.is_file, files), None)) is None:
                    skip("without a story")
                    continue
                found = True
                article, highlights = _parts(file)
                if not article:
                    skip("without an article")
                elif not highlights:
                    skip("without highlights")
                else:
                    yield base.Example(name, article, article, highlights, (highlights,))
            if not found:
                urls = counted(len(listed), "URL")
                raise ArtefactError(f"{path}: none of {urls} is that of a story in {self.stories}")


def _parts(path: Path) -> tuple[str, str]:
    """The article and the highlights of a story, each a paragraph a line."""
    article: list[str] = []
    highlights: list[str] = []
    part = article
    for _, line in read_lines(path):
        text = line.strip()
        if text == HIGHLIGHT:
            part = highlights
        elif text:
            part.append(text)
    return "\n".join(article), "\n".join(highlights)
