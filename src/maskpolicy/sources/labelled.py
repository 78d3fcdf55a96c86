"""JSON lines with a text, perhaps a second one, and a label, as ACL-ARC and SciERC are released."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base


class LabelledExamples(base.LabelledFiles):
    """One example a line, in fields of these names; a file for each split, or one to deal from."""

    source: Literal["labelled"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    text_field: str = "text"
    pair_field: str | None = None
    label_field: str = "label"
    group_field: str | None = None  # examples equal in it are in one split; else equal texts

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Line after line."""
        for record in read_json_lines(path):
            yield base.ClassificationExample(
                id=f"{base.file_stem(path)}-{record.number}",
                text=record.text(self.text_field),
                pair=self.pair_field and record.text(self.pair_field),
                label=record.label(self.label_field),
                group=record.name(self.group_field),
            )
