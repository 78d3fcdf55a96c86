"""Text files: lines, JSON lines and CSV, with errors that name file and line."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from maskpolicy.artefacts import write_text
from maskpolicy.errors import ArtefactError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1, without line ends.

    Raises ArtefactError naming the file, and the line that is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{path}, line {number}: not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error


def read_json_lines(path: Path) -> Iterator[tuple[int, dict]]:
    """The objects of a JSONL file with their line numbers; blank lines are passed over.

    Raises ArtefactError naming the file and line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ArtefactError(f"{path}, line {number}: not valid JSON: {error}") from error
        except RecursionError as error:
            raise ArtefactError(f"{path}, line {number}: JSON that is nested too deeply") from error
        if not isinstance(value, dict):
            raise ArtefactError(f"{path}, line {number}: not a JSON object")
        yield number, value


def string_field(path: Path, number: int, value: dict, field: str) -> str:
    """A field that must hold a string. Raises ArtefactError naming the file, line and field."""
    if field not in value:
        raise ArtefactError(f"{path}, line {number}: the field {field!r} is missing")
    if not isinstance(value[field], str):
        raise ArtefactError(f"{path}, line {number}: the field {field!r} does not hold a string")
    return _valid_text(path, number, field, value[field])


def strings_field(path: Path, number: int, value: dict, field: str) -> list[str]:
    """A field that must hold a list of strings, at least one, none of them blank.

    Raises ArtefactError naming the file, line and field.
    """
    strings = value.get(field)
    if (
        not isinstance(strings, list)
        or not strings
        or not all(isinstance(text, str) and text.strip() for text in strings)
    ):
        raise ArtefactError(
            f"{path}, line {number}: the field {field!r} is not a list of at least one string"
        )
    return [_valid_text(path, number, field, text) for text in strings]


def group_field(path: Path, number: int, value: dict, field: str | None) -> str:
    """A field that names a group: a string, or a whole number, taken as its digits; "" for none."""
    if field is None:
        return ""
    group = value.get(field)
    if isinstance(group, int) and not isinstance(group, bool):
        return str(group)
    return string_field(path, number, value, field)


def _valid_text(path: Path, number: int, field: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair
        raise ArtefactError(f"{path}, line {number}: {field!r} is not valid text") from error
    return text


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV, None as an empty field; the header is there without any rows, too."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
