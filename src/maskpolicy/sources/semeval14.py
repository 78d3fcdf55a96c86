"""Aspects of reviews and their polarity, as XML (Pontiki et al. 2014, task 4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.parsers import expat

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base

CONFLICT = "conflict"
"""The label of aspects that are praised and blamed; Gu et al. 2020 leave them out."""


class LabelledExamples(base.LabelledFiles):
    """An aspect, the sentence that it is about, and whether that praises or blames it."""

    PATHS = ("train", "test")

    source: Literal["semeval14"]
    train: str  # path
    test: str | None = None  # path; without it the test split is dealt from `train`
    aspects: Literal["categories", "terms"]
    # Gu et al. 2020: categories of restaurants, terms of laptops

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Every aspect of every sentence with its polarity, without those in conflict."""
        sentences = _sentences(path, self.aspects)
        if sentences and not any(sentence.aspects for sentence in sentences):
            other = {"categories": "terms", "terms": "categories"}[self.aspects]
            raise ArtefactError(
                f"{path}: none of its {len(sentences)} sentences has `aspects: {self.aspects}`;"
                f" did you mean `aspects: {other}`?"
            )
        for sentence in sentences:
            for number, (aspect, polarity) in enumerate(sentence.aspects, start=1):
                if polarity != CONFLICT:
                    name = f"{sentence.id}/{number}"
                    yield base.ClassificationExample(name, aspect, sentence.text, polarity)


@dataclass
class _Sentence:
    """What has been read of a <sentence>."""

    id: str
    text: str = ""
    aspects: tuple[tuple[str, str], ...] = ()  # (aspect, polarity)


def _sentences(path: Path, aspects: str) -> list[_Sentence]:
    element, attribute = {
        "categories": ("aspectCategory", "category"),
        "terms": ("aspectTerm", "term"),
    }[aspects]
    sentences: list[_Sentence] = []
    in_text = False
    parser = expat.ParserCreate()

    def wrong(problem: str) -> ArtefactError:
        return ArtefactError(f"{path}, line {parser.CurrentLineNumber}: {problem}")

    def attribute_of(name: str, given: Mapping[str, str], wanted: str) -> str:
        if not given.get(wanted):
            raise wrong(f"<{name}> has no {wanted!r}")
        return given[wanted]

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal in_text
        if name == "sentence":
            sentences.append(_Sentence(attribute_of(name, given, "id")))
        elif name in ("text", element) and not sentences:
            raise wrong(f"<{name}> outside of a <sentence>")
        elif name == "text":
            in_text = True
        elif name == element:
            aspect = attribute_of(name, given, attribute)
            sentences[-1].aspects += ((aspect, attribute_of(name, given, "polarity")),)

    def end(name: str) -> None:
        nonlocal in_text
        if name == "text":
            in_text = False
        elif name == "sentence" and not sentences[-1].text.strip():
            raise wrong("a sentence has no <text>")

    def characters(data: str) -> None:
        if in_text:
            sentences[-1].text += data

    def doctype(*_: object) -> None:
        # The published files have none, and entities can be made to fill the memory.
        raise wrong("a document type is not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise ArtefactError(
            f"{path}, line {error.lineno}: not valid XML: {expat.ErrorString(error.code)}"
        ) from error
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    return sentences
