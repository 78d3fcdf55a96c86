"""JSON lines with a text, perhaps a second one, and a label, as ACL-ARC and SciERC are released."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import group_field, read_json_lines, string_field


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
        for number, record in read_json_lines(path):
            yield base.ClassificationExample(
                id=f"{path.stem}-{number}",
                text=string_field(path, number, record, self.text_field),
                pair=self.pair_field and string_field(path, number, record, self.pair_field),
                label=_label(path, number, record, self.label_field),
                group=group_field(path, number, record, self.group_field),
            )


def _label(path: Path, number: int, record: dict, field: str) -> str:
    """A label: text, a number, or true or false, each in one spelling; nothing else is one."""
    label = record.get(field, "")
    if isinstance(label, float) and label.is_integer():
        label = int(label)  # the label 1 of a file whose writer knew numbers with a point only
    if isinstance(label, bool | int) or (isinstance(label, float) and isfinite(label)):
        return str(label)
    text = string_field(path, number, record, field).strip()
    if not text:
        raise ArtefactError(f"{path}, line {number}: the field {field!r} is empty: no label")
    return text
