"""Tasks of KILT: AIDA CoNLL-YAGO, Zero-Shot RE, Wizard of Wikipedia and all others, as JSON lines.

The context of an example is the evidence that its `provenance` names, in a knowledge source of
the study: the first that stands there. It begins with the page's title, as sequences of tokens do.
Where evidence is a whole page, as in entity linking, it is the first paragraph after the title: Ye
et al. 2021 (section 3.2) say that a context is a paragraph, and not which.

Wizard of Wikipedia was released again: with 63,734 and 3,054 rows in train and dev, where Ye et al.
2021 (table 5) had 94,577 and 3,058. Answers of the test files are not published.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from maskpolicy.errors import counted
from maskpolicy.json_files import JsonObject, read_json_lines
from maskpolicy.sources import base
from maskpolicy.sources.knowledge import GroundedExamples, Page, Pages

LICENCE = "MIT; each task's own too: see https://github.com/facebookresearch/KILT"
CITATION = "Petroni et al. 2021"


WHOLE_PAGE = 1
"""The paragraph that stands for a page, after its title."""


class Seq2SeqExamples(GroundedExamples):
    """One input a line; the first of its answers is the target.

    Those whose first evidence is of one page are a cluster in tests over examples.
    """

    source: Literal["kilt"]
    train: str  # path or pattern
    dev: str | None = None  # likewise; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """The examples of a file, without contexts."""
        return (example for example, _ in _read(path))

    def splits_with(self, pages: Pages) -> dict[str, list[base.Example]]:
        """The splits, with the contexts that stand in these pages; those without one are counted,
        by the reason, on stderr.
        """
        read = {path: list(_read(path)) for paths in self._split_files().values() for path in paths}
        evidence = {e for rows in read.values() for _, some in rows for e in some}
        passages = _passages(evidence, pages)
        return {
            split: [
                example for path in paths for example in _with_contexts(path, read[path], passages)
            ]
            for split, paths in self._split_files().items()
        }


@dataclass(frozen=True)
class Evidence:
    """The paragraphs of a page, from the first to the last, that an answer follows from."""

    page: str
    first: int
    last: int

    def passage(self, page: Page) -> str:
        """What stands there, after the title; "" where the page has no such paragraph."""
        if not 0 <= self.first <= self.last < len(page.paragraphs):
            return ""
        paragraphs = page.paragraphs[self.first : self.last + 1]
        text = "\n".join(filter(None, map(str.strip, paragraphs)))
        # The first paragraph is the title itself.
        return base.titled(page.title, text) if text and self.first > 0 else text


def _passages(evidence: set[Evidence], pages: Pages) -> dict[Evidence, str]:
    """What stands there, of evidence whose page is there; each page is read once."""
    by_page = defaultdict(list)
    for some in evidence:
        by_page[some.page].append(some)
    return {some: some.passage(page) for page in pages.read(by_page) for some in by_page[page.id]}


def _with_contexts(
    path: Path,
    rows: list[tuple[base.Example, tuple[Evidence, ...]]],
    passages: dict[Evidence, str],
) -> Iterator[base.Example]:
    without: Counter[str] = Counter()
    for example, evidence in rows:
        context = next(filter(None, (passages.get(some) for some in evidence)), "")
        if not evidence:
            without["no provenance"] += 1
        elif not context:
            known = evidence[0] in passages
            without["no such paragraph in the page" if known else "no such page"] += 1
        yield replace(example, context=context)
    if without:
        why = "; ".join(f"{number:,} {reason}" for reason, number in without.most_common())
        of = f"{without.total():,} of {counted(len(rows), 'example')}"
        print(f"{path}: {of} without a context: {why}", file=sys.stderr)


def _read(path: Path) -> Iterator[tuple[base.Example, tuple[Evidence, ...]]]:
    """The examples of a file and their evidence, the best first."""
    stem = base.file_stem(path)
    for line in read_json_lines(path):
        name = line.name("id").strip() if "id" in line.fields else ""
        name = name or f"{stem}-{line.number}"
        outputs = line.objects("output") if "output" in line.fields else []
        answers = tuple(dict.fromkeys(filter(None, map(_answer, outputs))))
        if not answers:
            raise line.wrong("no `output` has an answer, as in KILT's test files: leave those out")
        evidence = tuple(dict.fromkeys(some for output in outputs for some in _evidence(output)))
        page = evidence[0].page if evidence else ""
        yield (
            base.Example(name, "", line.filled("input"), answers[0], answers, cluster=page),
            evidence,
        )


def _answer(output: JsonObject) -> str:
    """The answer of an output; "" where it has only evidence."""
    return "" if output.fields.get("answer") is None else output.text("answer").strip()


def _evidence(output: JsonObject) -> Iterator[Evidence]:
    if output.fields.get("provenance") is None:
        return
    for some in output.objects("provenance"):
        first = _paragraph(some, "start_paragraph_id", WHOLE_PAGE)
        yield Evidence(
            some.name("wikipedia_id").strip(), first, _paragraph(some, "end_paragraph_id", first)
        )


def _paragraph(provenance: JsonObject, field: str, otherwise: int) -> int:
    number = provenance.fields.get(field)
    if number is None or number == -1:  # which mirrors write in its place
        return otherwise
    if type(number) is not int or number < 0:
        raise provenance.wrong(f"the field {field!r} is not the number of a paragraph, from 0")
    return number
