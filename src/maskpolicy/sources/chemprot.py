"""Chemicals and proteins: ChemProt as JSON lines of marked sentences (Gururangan et al. 2020)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base

LICENCE = "unknown; see https://github.com/allenai/dont-stop-pretraining"
CITATION = "Kringelum et al. 2016; Gururangan et al. 2020"

LABELS = (
    *("ACTIVATOR", "AGONIST", "AGONIST-ACTIVATOR", "AGONIST-INHIBITOR", "ANTAGONIST"),
    *("DOWNREGULATOR", "INDIRECT-DOWNREGULATOR", "INDIRECT-UPREGULATOR", "INHIBITOR"),
    *("PRODUCT-OF", "SUBSTRATE", "SUBSTRATE_PRODUCT-OF", "UPREGULATOR"),
)


class LabelledExamples(base.LabelledFiles):
    """A sentence in which `<< >>` mark one of two and `[[ ]]` the other, and how they relate."""

    source: Literal["chemprot"]
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
            yield base.ClassificationExample(name, record.filled("text"), None, label)
