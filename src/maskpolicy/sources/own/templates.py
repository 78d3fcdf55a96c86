"""Texts made of the fields of a row: "{title}: {question}"."""

import re
from typing import Annotated

from pydantic import AfterValidator

from maskpolicy.json_files import JsonObject

_PARTS = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]+)\}|[{}]")
"""Braces that are doubled are text. A field is whatever its name is: nothing of it is evaluated."""


def _check(template: str) -> str:
    parts = list(_PARTS.finditer(template))
    if any(part[0] in "{}" for part in parts):
        raise ValueError(f"in {template!r} a brace is alone; where it is text, double it")
    if not any(part["field"] for part in parts):
        raise ValueError(f"{template!r} has no field in braces, as {{question}}")
    return template


Template = Annotated[str, AfterValidator(_check)]
"""A text with the names of fields in braces, one at least."""


def fields_of(template: Template) -> list[str]:
    """The fields that a template names."""
    return [part["field"] for part in _PARTS.finditer(template) if part["field"]]


def fill(template: Template, row: JsonObject, separator: str | None) -> str:
    """The text of a row: strings and numbers, and lists of strings with the separator between.

    Raises ArtefactError naming the place of the row, and the field that is none of these.
    """

    def written(field: str) -> str:
        if not isinstance(row.find(field), list):
            return row.written(field)
        if separator is None:
            raise row.wrong(f"the field {field!r} holds a list: say by which `separator` to join")
        return separator.join(row.texts(field))

    def replace(part: re.Match[str]) -> str:
        return written(part["field"]) if part["field"] else part[0][0]

    return _PARTS.sub(replace, template)
