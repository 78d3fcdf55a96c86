"""Articles and whether they are hyperpartisan, in two XML files (Kiesel et al. 2019)."""

import html
from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.xml_files import XmlElement, read_elements

LICENCE = "CC BY 4.0"
CITATION = "Kiesel et al. 2019"

LABELS = ("true", "false")


class LabelledExamples(base.LabelledExamples):
    """An article, its title first, and whether it is hyperpartisan: true or false."""

    PATHS = ("train", "train_truth", "dev", "dev_truth", "test", "test_truth")

    source: Literal["hyperpartisan"]
    train: str  # articles-*.xml: a path, or a pattern of several
    train_truth: str  # ground-truth-*.xml of the same articles
    dev: str | None = None
    dev_truth: str | None = None
    test: str | None = None
    test_truth: str | None = None

    @model_validator(mode="after")
    def _both(self) -> "LabelledExamples":
        paths = self.paths()
        for split in base.SPLITS:
            if (split in paths) != (f"{split}_truth" in paths):
                raise ValueError(f"`{split}` and `{split}_truth` go together")
        return self

    def splits(self) -> dict[str, list[base.ClassificationExample]]:
        """The splits that have files."""
        paths = self.paths()
        return {
            split: list(read_articles(paths[split], paths[f"{split}_truth"]))
            for split in base.SPLITS
            if split in paths
        }


def read_articles(articles: str, truth: str) -> Iterator[base.ClassificationExample]:
    """The articles of a path or pattern with their labels, those of others; ids are theirs.

    Raises ArtefactError naming the article that has no label, or two, and the label without one.
    """
    labels: dict[str, str] = {}
    for path in base.files_at(truth):
        for element in read_elements(path, "article"):
            number, label = element.attribute("id"), element.attribute("hyperpartisan")
            if label not in LABELS:
                raise element.wrong(f"hyperpartisan={label!r} is neither true nor false")
            if number in labels:
                raise element.wrong(f"a second ground truth of article {number!r}")
            labels[number] = label
    seen: set[str] = set()
    for path in base.files_at(articles):
        with base.skipping(path) as skip:
            for element in read_elements(path, "article"):
                number = element.attribute("id")
                if number in seen:
                    raise element.wrong(f"a second article with the id {number!r}")
                if number not in labels:
                    raise element.wrong(f"article {number!r} has no ground truth in {truth}")
                seen.add(number)
                title = _spaced(element.attributes.get("title", ""))
                if text := base.titled(title, _body(element)):
                    yield base.ClassificationExample(number, text, None, labels[number])
                else:
                    skip("without any text")
    if missing := [number for number in labels if number not in seen]:
        raise ArtefactError(f"{truth}: article {missing[0]!r} is not in {articles}")


def _body(article: XmlElement) -> str:
    """Its text without tags, a paragraph a line."""
    lines = map(_spaced, "".join(_pieces(article)).split("\n"))
    return "\n".join(line for line in lines if line)


def _pieces(element: XmlElement) -> Iterator[str]:
    for part in element.parts:
        if isinstance(part, str):
            yield part.replace("\n", " ")
        elif part.name in ("p", "br"):
            yield from ("\n", *_pieces(part), "\n")
        else:  # links and quotations stand within lines
            yield from _pieces(part)


def _spaced(text: str) -> str:
    """Without entities of HTML, and with single spaces."""
    return " ".join(html.unescape(text).split())
