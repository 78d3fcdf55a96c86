"""JSON lines with a text, perhaps a second one, and a label, as ACL-ARC and SciERC are released."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.text_files import read_json_lines, string_field


class LabelledExamples(base.LabelledFiles):
    """One example a line, in fields of these names; a file for each split, or one to deal from."""

    source: Literal["labelled"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None
    text_field: str = "text"
    pair_field: str | None = None
    label_field: str = "label"

    def read(self, path: Path) -> Iterator[base.ClassificationExample]:
        """Line after line."""
        for number, record in read_json_lines(path):
            if self.label_field in record:  # labels are text, numbers, or true and false
                record[self.label_field] = str(record[self.label_field])
            yield base.ClassificationExample(
                id=f"{path.stem}-{number}",
                text=string_field(path, number, record, self.text_field),
                pair=self.pair_field and string_field(path, number, record, self.pair_field),
                label=string_field(path, number, record, self.label_field),
            )
