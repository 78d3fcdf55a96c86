"""JSON lines with a text and perhaps a title."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base


class Documents(base.Documents):
    """One document a line, in fields of these names."""

    PATHS = ("path",)

    source: Literal["jsonl"]
    path: str
    text_field: str = "text"
    title_field: str | None = None

    def documents(self) -> Iterator[base.Document]:
        """Line after line."""
        for record in read_json_lines(Path(self.path)):
            title = record.text(self.title_field) if self.title_field else ""
            yield base.Document(title.strip(), record.text(self.text_field))
