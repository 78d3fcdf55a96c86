"""JSON lines and large JSON documents, streamed: objects that know their place in the file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from maskpolicy.errors import ArtefactError, listed
from maskpolicy.text_files import open_bytes, read_lines

DEEPEST = 1000
"""Levels of a document; Python's own reader of lines knows as many."""

_BOM = b"\xef\xbb\xbf"
_MISSING = object()


@dataclass(frozen=True)
class JsonObject:
    """A JSON object, and the place that errors name: the file, its line or item, and the field.

    Its readers raise ArtefactError naming that place where a field is not as they promise. A field
    "a.b", where there is none of that name, is the field "b" of the object in "a".
    """

    place: str  # "train.jsonl, line 3"
    number: int  # of the line or item, from 1
    fields: dict[str, Any]

    def wrong(self, problem: str) -> ArtefactError:
        """What to raise about this object."""
        return ArtefactError(f"{self.place}: {problem}")

    def find(self, field: str, default: Any = None) -> Any:
        """What a field holds, or the default where it is missing."""
        fields: Any = self.fields
        while field not in fields:
            outer, dot, field = field.partition(".")
            fields = fields.get(outer)
            if not dot or not isinstance(fields, dict):
                return default
        return fields[field]

    def text(self, field: str) -> str:
        """A field that holds a string, which may be empty."""
        text = self._of(field, str, "a string")
        if not is_text(text):
            raise self.wrong(f"{field!r} is not valid text")
        return text

    def filled(self, field: str) -> str:
        """A field that holds a string with more than white space in it, which is stripped."""
        if text := self.text(field).strip():
            return text
        raise self.wrong(f"the field {field!r} is empty")

    def texts(self, field: str) -> tuple[str, ...]:
        """A field that holds a list of strings, at least one, none of them blank."""
        strings = self._there(field)
        if not isinstance(strings, list) or not strings:
            strings = [None]
        if not all(isinstance(text, str) and text.strip() for text in strings):
            raise self.wrong(f"the field {field!r} is not a list of at least one string")
        if not all(map(is_text, strings)):
            raise self.wrong(f"{field!r} is not valid text")
        return tuple(strings)

    def name(self, field: str | None) -> str:
        """A field that names something: a string, or a whole number by its digits; "" for None."""
        if field is None:
            return ""
        name = self.find(field)
        return str(name) if type(name) is int else self.text(field)

    def written(self, field: str) -> str:
        """A field that holds text, a number, or true or false, each in one spelling."""
        value = self.find(field)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # the label 1 of a file whose writer knew numbers with a point only
        if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return str(value)
        return self.text(field)

    def label(self, field: str) -> str:
        """A label: text, a number, or true or false, each in one spelling; nothing else is one."""
        if text := self.written(field).strip():
            return text
        raise self.wrong(f"the field {field!r} is empty: no label")

    def object(self, field: str) -> "JsonObject":
        """A field that holds an object."""
        return JsonObject(self._at(field), self.number, self._of(field, dict, "an object"))

    def objects(self, field: str) -> "list[JsonObject]":
        """A field that holds a list of objects, which may be empty."""
        objects = []
        for number, value in enumerate(self._of(field, list, "a list"), start=1):
            place = self._at(f"{field} {number}")
            if not isinstance(value, dict):
                raise ArtefactError(f"{place}: not a JSON object")
            objects.append(JsonObject(place, number, value))
        return objects

    def _there(self, field: str) -> Any:
        if (value := self.find(field, _MISSING)) is _MISSING:
            known = listed(map(repr, self.fields), 10) or "none"
            raise self.wrong(f"the field {field!r} is missing among {known}")
        return value

    def _of(self, field: str, kind: type, called: str) -> Any:
        if not isinstance(value := self._there(field), kind):
            raise self.wrong(f"the field {field!r} does not hold {called}")
        return value

    def _at(self, field: str) -> str:
        return f"{self.place}, {field}"


def read_json_lines(path: Path) -> Iterator[JsonObject]:
    """The objects of a JSONL file, which may be compressed; blank lines are passed over.

    Raises ArtefactError naming the file and line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if line.strip():
            yield parse_object(line, f"{path}, line {number}", number)


def read_json_objects(path: Path) -> Iterator[JsonObject]:
    """The objects of a JSON file, a line each or, where it begins with one, of a list as its whole.

    Raises ArtefactError as :func:`read_json_lines` or :func:`read_json_items`.
    """
    with open_bytes(path) as file:
        is_list = file.peek(1024).removeprefix(_BOM).lstrip().startswith(b"[")
    return read_json_items(path) if is_list else read_json_lines(path)


def parse_object(line: str, place: str, number: int) -> JsonObject:
    """The object that a line at this place holds. Raises ArtefactError where it is none."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg} in column {error.colno}"
        raise ArtefactError(f"{place}: {problem}") from error
    except ValueError as error:  # a number of too many digits
        raise ArtefactError(f"{place}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise ArtefactError(f"{place}: JSON that is nested too deeply") from error
    if not isinstance(value, dict):
        raise ArtefactError(f"{place}: not a JSON object")
    return JsonObject(place, number, value)


def read_json_items(path: Path, list_at: str = "") -> Iterator[JsonObject]:
    """The objects of a list in one JSON document, which may be compressed, one after the other.

    `list_at` is the field of the document that holds the list; without it the document is the list.
    A document larger than memory is no matter. Raises ArtefactError naming the file, and the item
    that is not an object or after which the document is damaged.
    """
    import ijson

    number = 0
    what = f"{list_at} item" if list_at else "item"
    try:
        with open_bytes(path) as file:
            if file.peek(len(_BOM)).startswith(_BOM):
                file.read(len(_BOM))
            for value in _items(ijson.basic_parse(file, use_float=True), list_at):
                number += 1
                place = f"{path}, {what} {number}"
                if not isinstance(value, dict):
                    raise ArtefactError(f"{place}: not a JSON object")
                yield JsonObject(place, number, value)
    except (ijson.JSONError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ArtefactError(f"{path}, after {what} {number}: not valid JSON: {reason}") from error
    if not number:
        where = f"in a field {list_at!r}" if list_at else "as its whole"
        raise ArtefactError(f"{path}: a JSON document with a list of objects {where} is expected")


def _items(events: Iterator[tuple[str, Any]], list_at: str) -> Iterator[Any]:
    """The values of the list that is meant, built from the events of ijson.

    ijson's own `items` keeps the path of every level that it is in: brackets of 200 kB, one in the
    other, would fill any memory. So this one counts them, and raises ValueError.
    """
    from ijson.common import ObjectBuilder

    level = 2 if list_at else 1  # how deep the values are
    depth, inside, key = 0, False, ""
    for event, value in events:
        if event in ("end_map", "end_array"):
            depth -= 1
            inside = inside and depth >= level
        elif event == "map_key" and depth == 1:
            key = value
        if inside:
            if depth == level and not event.startswith("end_"):
                builder = ObjectBuilder()
            builder.event(event, value)
        meant = event == "start_array" and depth == level - 1 and (key == list_at or level == 1)
        if event in ("start_map", "start_array"):
            depth += 1
            if depth > DEEPEST:
                raise ValueError("it is nested too deeply")
        if inside and depth == level:
            yield builder.value
        inside = inside or meant


def is_text(text: str) -> bool:
    """Whether UTF-8 can write it."""
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half a surrogate pair
        return False
    return True
