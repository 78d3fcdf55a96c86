"""Intents of citations: SciCite as JSON lines (Cohan et al. 2019)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base

LICENCE = "unknown; see https://github.com/allenai/scicite"
CITATION = "Cohan et al. 2019"

LABELS = ("background", "method", "result")


class LabelledExamples(base.LabelledFiles):
    """The text around a citation, and what it is cited for.

    Citations of one paper are a cluster in tests over examples.
    """

    source: Literal["scicite"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Line after line."""
        for record in read_json_lines(path):
            label = record.label("label")
            if label not in LABELS:
                raise record.wrong(f"the label {label!r} is none of {', '.join(LABELS)}")
            name = f"{base.file_stem(path)}-{record.number}"
            paper = "citingPaperId" if record.fields.get("citingPaperId") is not None else None
            yield base.ClassificationExample(
                name, record.filled("string"), None, label, cluster=record.name(paper)
            )
