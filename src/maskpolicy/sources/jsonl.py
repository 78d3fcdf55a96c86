"""JSON lines with a text and perhaps a title."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.text_files import read_json_lines, string_field


class Documents(base.Documents):
    """One document a line, in fields of these names."""

    PATHS = ("path",)

    source: Literal["jsonl"]
    path: str
    text_field: str = "text"
    title_field: str | None = None

    def documents(self) -> Iterator[base.Document]:
        """Line after line."""
        path = Path(self.path)
        for number, value in read_json_lines(path):
            title = string_field(path, number, value, self.title_field) if self.title_field else ""
            yield base.Document(title.strip(), string_field(path, number, value, self.text_field))
