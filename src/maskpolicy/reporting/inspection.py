"""What a source reads out of files, as a user looks at it before a study is written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from textwrap import shorten

from rich.console import Console
from rich.text import Text

from maskpolicy.errors import counted, listed
from maskpolicy.reporting.text import percent_text
from maskpolicy.sources.base import (
    ClassificationExample,
    Document,
    Documents,
    Example,
    LabelledExamples,
    Seq2SeqExamples,
    Source,
)
from maskpolicy.sources.knowledge import GroundedExamples

WIDTH = 300
"""Characters that are shown of a text."""

NO_CONTEXTS = "Their contexts stand in a knowledge source, which a study names; none is read here."

LABELS = 20
"""Labels that are counted one by one."""


def print_inspection(source: Source, shown: int, console: Console | None = None) -> None:
    """Print how many documents, or examples of each split, a source reads, and the first `shown`.

    Everything is read, so what is wrong anywhere is found, and what is left out is said on stderr.
    Raises ArtefactError naming the file and line that can't be read.
    """
    console = console or Console(highlight=False)
    first: Iterable[Document | Example | ClassificationExample]
    match source:
        case Documents():
            first, facts = _documents(source.documents(), shown)
            _print_part(console, "documents", facts, first)
        case Seq2SeqExamples():
            for split, examples in source.splits().items():
                _print_part(console, split, _pairs(examples), examples[:shown])
            if isinstance(source, GroundedExamples):
                console.print(Text(NO_CONTEXTS, "dim"), soft_wrap=True)
        case LabelledExamples():
            for split, some in source.splits().items():
                _print_part(console, split, _labelled(some), some[:shown])


def _documents(documents: Iterator[Document], shown: int) -> tuple[list[Document], str]:
    first: list[Document] = []
    number = titles = words = 0
    for document in documents:
        number += 1
        titles += bool(document.title)
        words += len(document.text.split())
        if number <= shown:
            first.append(document)
    return first, f"{number:,}, {words:,} words, {_share(titles, number)} with a title"


def _pairs(examples: list[Example]) -> str:
    """How many, and which of their parts are there."""
    answers = sum(len(example.answers) for example in examples) / max(1, len(examples))
    facts = [
        counted(len(examples), "example"),
        f"{_share(sum(bool(e.context) for e in examples), len(examples))} with a context",
        f"{answers:.1f} answers each",
    ]
    if choices := sum(bool(example.choices) for example in examples):
        facts.append(f"{_share(choices, len(examples))} with choices")
    return ", ".join(facts)


def _labelled(examples: list[ClassificationExample]) -> str:
    counts = Counter(example.label for example in examples)
    labels = (f"{number:,} {label!r}" for label, number in counts.most_common())
    return f"{counted(len(examples), 'example')}: {listed(labels, LABELS)}"


def _share(part: int, whole: int) -> str:
    return percent_text(part / max(1, whole))


def _print_part(
    console: Console,
    name: str,
    facts: str,
    first: Iterable[Document | Example | ClassificationExample],
) -> None:
    console.print(Text(f"{name}: {facts}", "bold"), soft_wrap=True)
    for item in first:
        console.print()
        for field, value in _fields(item):
            console.print(Text.assemble((f"  {field:9}", "dim"), _short(value)), soft_wrap=True)
    console.print()


def _short(text: str) -> str:
    """The beginning of a text in one line; characters that a terminal obeys are spelt."""
    line = shorten(text[: 10 * WIDTH], WIDTH, placeholder=" …") or "–"
    return "".join(
        c if c == " " or c.isprintable() else c.encode("unicode_escape").decode() for c in line
    )


def _fields(item: Document | Example | ClassificationExample) -> Iterator[tuple[str, str]]:
    match item:
        case Document(title, text):
            yield "title", title
            yield "text", text
        case Example():
            yield "id", item.id
            yield "context", item.context
            yield "source", item.source
            yield "target", item.target
            yield "answers", " | ".join(item.answers)
            if item.choices:
                yield "choices", " | ".join(item.choices)
        case ClassificationExample():
            yield "id", item.id
            if item.pair is not None:
                yield "pair", item.pair
            yield "text", item.text
            yield "label", item.label
