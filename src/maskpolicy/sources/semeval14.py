"""Aspects of reviews and their polarity, as XML (Pontiki et al. 2014, task 4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.xml_files import read_elements

LICENCE = "unknown; see https://alt.qcri.org/semeval2014/task4"
CITATION = "Pontiki et al. 2014"

CONFLICT = "conflict"
"""The label of aspects that are praised and blamed; Gu et al. 2020 leave them out."""

_ELEMENTS = {"categories": ("aspectCategory", "category"), "terms": ("aspectTerm", "term")}


class LabelledExamples(base.LabelledFiles):
    """An aspect, the sentence that it is about, and whether that praises or blames it.

    Aspects of one sentence are a cluster in tests over examples.
    """

    PATHS = ("train", "test")

    source: Literal["semeval14"]
    train: str  # path
    test: str | None = None  # path; without it the test split is dealt from `train`
    aspects: Literal["categories", "terms"]
    # Gu et al. 2020: categories of restaurants, terms of laptops

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Every aspect of every sentence with its polarity; those in conflict are counted."""
        name, attribute = _ELEMENTS[self.aspects]
        seen: set[str] = set()
        some = False
        with base.skipping(path, "aspect") as skip:
            for sentence in read_elements(path, "sentence"):
                sentence_id = sentence.attribute("id")
                if sentence_id in seen:
                    raise sentence.wrong(f"a second sentence with the id {sentence_id!r}")
                seen.add(sentence_id)
                text = "".join(t for element in sentence.inside("text") for t in element.texts())
                if not text.strip():
                    raise sentence.wrong("a sentence has no <text>")
                for number, aspect in enumerate(sentence.inside(name), start=1):
                    some = True
                    about, polarity = aspect.attribute(attribute), aspect.attribute("polarity")
                    if polarity == CONFLICT:
                        skip("in conflict")
                        continue
                    example_id = f"{sentence_id}/{number}"
                    yield base.ClassificationExample(
                        example_id, about, text, polarity, cluster=sentence_id
                    )
        if not some:
            other = {"categories": "terms", "terms": "categories"}[self.aspects]
            raise ArtefactError(
                f"{path}: none of its {len(seen)} sentences has `aspects: {self.aspects}`;"
                f" did you mean `aspects: {other}`?"
            )
