"""Texts and labels of ACL-ARC, SciERC, ChemProt and more as JSON lines (Gururangan et al. 2020)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base

LICENCE = "unknown; see https://github.com/allenai/dont-stop-pretraining"
CITATION = (
    "Gururangan et al. 2020; Jurgens et al. 2018 (ACL-ARC); Luan et al. 2018 (SciERC);"
    " Kringelum et al. 2016 (ChemProt)"
)


class LabelledExamples(base.LabelledFiles):
    """A text and its label; of two entities in SciERC and ChemProt, `<< >>` and `[[ ]]` mark one.

    All sets of "Don't Stop Pretraining" have this form: HyperPartisan, AG's News and others, too.
    """

    source: Literal["dsp"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Line after line."""
        for record in read_json_lines(path):
            name = f"{base.file_stem(path)}-{record.number}"
            text, label = record.filled("text"), record.label("label")
            yield base.ClassificationExample(name, text, None, label)
