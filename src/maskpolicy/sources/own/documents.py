"""Own texts, of named fields in JSONL, CSV, TSV or Parquet (C4, RealNews, S2ORC, …)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import JsonObject
from maskpolicy.sources import base
from maskpolicy.sources.own.rows import Rows

MANY_ROWS = 1000
"""If none of so many, the first ones, has a text, its field is called otherwise."""


class Documents(Rows, base.Documents):
    """A document a row; rows without a text are left out, and counted."""

    PATHS = ("path",)

    source: Literal["own-documents"]
    path: str | None = None  # of a file, or a pattern of several
    hub_split: str = "train"
    # or several, of which a row's first that has a text is taken: [paperAbstract, abstract]
    text_field: str | Annotated[tuple[str, ...], Field(min_length=1)] = "text"
    title_field: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Documents":
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either `path` or `hub`")
        return self

    def documents(self) -> Iterator[base.Document]:
        """Row after row, of file after file."""
        fields = (self.text_field,) if isinstance(self.text_field, str) else self.text_field
        rows = self.rows(self.hub_split if self.path is None else self.path)
        found, lacking = 0, 0
        with base.skipping(self.named) as skip:
            for row in rows:
                if text := _first_text(row, fields):
                    found += 1
                    yield base.Document(self._title(row), text)
                else:
                    lacking += 1
                    skip("without a text")
                    if not found and lacking == MANY_ROWS:
                        raise _textless(row, fields, lacking)
            if not found:
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
