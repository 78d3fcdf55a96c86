"""WebQuestions (Berant et al. 2013): JSON arrays, as released and as in the mirror with ids."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import JsonObject, read_json_items
from maskpolicy.sources import base

LICENCE = "CC BY 4.0"
CITATION = "Berant et al. 2013"

# The release doesn't escape quotation marks in quoted descriptions, so that one ends only where
# the next begins, or the list ends: (description ""Hope" is the thing with feathers").
_DESCRIPTION = re.compile(
    r'\s*\(description\s+(?:"((?:\\.|[^\\])*?)"|((?:\\.|[^\s()"\\])(?:\\.|[^\s()\\])*))\)'
    r"(?=\s*(?:\(description\s|\)\s*$))",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t"}


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question an item, of either form; the first of its answers is the target.

    Released: `utterance` and `targetValue`, a list in LISP, and the `url` of whom or what is asked
    about, which makes a cluster in tests over examples. Mirror: `qId`, `qText` and `answers`.
    """

    source: Literal["webquestions"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Item after item."""
        for item in read_json_items(path):
            if "targetValue" in item.fields:
                name = f"{base.file_stem(path)}-{item.number}"
                question, answers = item.filled("utterance"), _descriptions(item)
                entity = item.name("url" if item.fields.get("url") is not None else None)
            elif "qText" in item.fields:
                name = item.filled("qId")
                question, answers = item.filled("qText"), item.texts("answers")
                entity = ""
            else:
                raise item.wrong("neither 'targetValue' nor 'qText': not a question")
            yield base.Example(name, "", question, answers[0], answers, cluster=entity)


def _descriptions(item: JsonObject) -> tuple[str, ...]:
    """The answers of (list (description X) (description "Y Z")), escaped as LispTree of SEMPRE.

    Raises ArtefactError, naming the item, for anything else.
    """
    value = item.filled("targetValue")
    start = re.match(r"\(list\b", value)
    at = start.end() if start else 0
    found = []
    while start and (match := _DESCRIPTION.match(value, at)):
        found.append(match[1] if match[1] is not None else match[2])
        at = match.end()
    if not found or value[at:].strip() != ")":
        expected = '(list (description X) (description "Y Z"))'
        raise item.wrong(f"'targetValue' is not of the form {expected}, from character {at + 1}")
    answers = tuple(
        _ESCAPED.sub(lambda escape: _CONTROLS.get(escape[1], escape[1]), text) for text in found
    )
    if not all(map(str.strip, answers)):
        raise item.wrong("'targetValue' has an empty description")
    return answers
