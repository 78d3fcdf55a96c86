"""Aspects of sentences in three lines each: text with $T$, aspect, polarity (Song et al. 2019)."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

LICENCE = "unknown; see https://github.com/songyouwei/ABSA-PyTorch"
CITATION = "Pontiki et al. 2014; Song et al. 2019"

ASPECT = "$T$"
"""What stands in the text for the aspect."""

LABELS = {"-1": "negative", "0": "neutral", "1": "positive"}
"""As the XML of SemEval calls them."""


class LabelledExamples(base.LabelledFiles):
    """An aspect, the sentence that it stands in, and whether that praises or blames it.

    Aspects of one sentence are a cluster in tests over examples.
    """

    PATHS = ("train", "test")

    source: Literal["seg"]
    train: str  # path
    test: str | None = None  # path; without it the test split is dealt from `train`

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Three lines after three lines."""
        lines = (line.strip() for _, line in read_lines(path))
        number = 1
        while three := list(islice(lines, 3)):
            if not any(three) and not any(lines):
                break  # blank lines at the end
            if len(three) < 3:
                raise ArtefactError(f"{path}, line {number}: an example of three lines is expected")
            text, aspect, label = three
            if ASPECT not in text:
                raise ArtefactError(f"{path}, line {number}: no {ASPECT} in the text")
            if not aspect:
                raise ArtefactError(f"{path}, line {number + 1}: the aspect is empty")
            if label not in LABELS:
                problem = f"the label {label!r} is none of {', '.join(LABELS)}"
                raise ArtefactError(f"{path}, line {number + 2}: {problem}")
            sentence = text.replace(ASPECT, aspect)
            yield base.ClassificationExample(
                id=f"{base.file_stem(path)}-{number}",
                text=aspect,
                pair=sentence,
                label=LABELS[label],
                cluster=sentence,
            )
            number += 3
