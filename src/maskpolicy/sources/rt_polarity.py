"""MR (Pang and Lee 2005) as released: the files rt-polarity.pos and rt-polarity.neg of a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base

LICENCE = "unknown; see https://www.cs.cornell.edu/people/pabo/movie-review-data"
CITATION = "Pang and Lee 2005"


class LabelledExamples(base.LabelledExamples):
    """Sentences of film reviews, positive and negative."""

    PATHS = ("folder",)

    source: Literal["rt-polarity"]
    folder: str

    def splits(self) -> dict[str, list[base.ClassificationExample]]:
        """All sentences, to be dealt."""
        folder = Path(self.folder)
        return {
            "train": [
                *_one_label(folder / "rt-polarity.pos", "positive"),
                *_one_label(folder / "rt-polarity.neg", "negative"),
            ]
        }


def _one_label(path: Path, label: str) -> Iterator[base.ClassificationExample]:
    """One text a line. The original release is in Latin-1, mirrors are in UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Not splitlines(): Latin-1 has control characters that Python takes for line ends.
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ArtefactError(f"{path}, line {number}: the line is empty")
        yield base.ClassificationExample(f"{path.suffix[1:]}-{number}", line.strip(), None, label)
