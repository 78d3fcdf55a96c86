"""Own texts, of named fields in JSONL, CSV, TSV or Parquet (C4, RealNews, S2ORC, …)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import JsonObject
from maskpolicy.sources import base
from maskpolicy.sources.own.rows import Rows

MANY_ROWS = 1000
"""If none of so many, the first ones, has a text, its field is called otherwise."""


class Documents(Rows, base.DocumentFiles):
    """A document a row; rows without a text are left out, and counted."""

    source: Literal["own-documents"]
    path: str  # of a file, or a pattern of several
    # or several, of which a row's first that has a text is taken: [paperAbstract, abstract]
    text_field: str | Annotated[tuple[str, ...], Field(min_length=1)] = "text"
    title_field: str | None = None

    def files(self) -> list[Path]:
        """The files, in order; of a dataset of the hub its split, which is one."""
        return [Path(self.path)] if self.hub else super().files()

    def read(self, path: Path) -> Iterator[base.Document]:
        """Row after row. Raises ArtefactError also where the first MANY_ROWS have no text."""
        fields = (self.text_field,) if isinstance(self.text_field, str) else self.text_field
        found, lacking = 0, 0
        with base.skipping(path, "row") as skip:
            for row in self.rows(str(path)):
                if text := _first_text(row, fields):
                    found += 1
                    yield base.Document(self._title(row), text)
                else:
                    lacking += 1
                    skip("without a text")
                    if not found and lacking == MANY_ROWS:
                        raise _textless(row, fields, lacking)
            if not found and len(self.files()) == 1:
                raise _textless(row, fields, lacking)

    def _title(self, row: JsonObject) -> str:
        """Null is no title; that the field is missing is a mistake, which `row.text` names."""
        if self.title_field is None or row.find(self.title_field, "") is None:
            return ""
        return row.text(self.title_field).strip()


def _first_text(row: JsonObject, fields: tuple[str, ...]) -> str:
    """The first of the fields that has a text in it; "" where none has."""
    for field in fields:
        if row.find(field) is not None and (text := row.text(field)).strip():
            return text
    return ""


def _textless(row: JsonObject, fields: tuple[str, ...], rows: int) -> ArtefactError:
    wanted = " or ".join(map(repr, fields))
    known = ", ".join(map(repr, row.fields))
    return row.wrong(f"none of {rows:,} rows so far has a text in {wanted}; fields: {known}")
