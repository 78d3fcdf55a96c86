"""Sources as a command line names them: a name, a file, and further keys of a configuration."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from maskpolicy.errors import InputError, closest, did_you_mean, listed
from maskpolicy.sources.base import Source
from maskpolicy.sources.registry import SOURCES, YIELDS, find_record
from maskpolicy.sources.releases import RELEASES, release_called


def sources_of(name: str, file: str | None, keys: Iterable[str]) -> list[Source]:
    """The records of a source for all that it yields, with `file` as the first path of each.

    `keys` are further ones, as "dev=FILE" (see :func:`value_of`). Raises InputError naming the
    source that is unknown, or the key that is wrong, missing or given twice.
    """
    if name not in SOURCES:
        raise InputError(_unknown_source(name))
    given = {"source": name, **_parsed(keys)}
    found: list[Source] = []
    problems: dict[str, None] = {}
    for record in filter(None, (find_record(name, kind) for kind in YIELDS)):
        if file is not None and not record.PATHS:
            raise InputError(f"--source: {name} reads a package, and no file")
        path = {} if file is None else {record.PATHS[0]: file}
        if again := path.keys() & given.keys():
            raise InputError(f"--key {again.pop()}: it is {file} already, the file that is named")
        try:
            found.append(record.model_validate_json(json.dumps(given | path)))
        except ValidationError as error:
            problems |= dict.fromkeys(_explain(record, error))
    if not found:
        raise InputError("\n".join(problems))
    return found


def value_of(text: str) -> Any:
    """What a value of a key stands for: a number, true, false, null, a list [a, b] or a text in
    quotation marks as in YAML, and everything else, as a template "{title}: {text}", for itself.
    """
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    plain = isinstance(value, int | float) or text == "null"
    return value if plain or (text[0], text[-1]) in (("[", "]"), ('"', '"')) else text


def written(value: str | int) -> str:
    """A value as :func:`value_of` reads it: bare where that is enough."""
    return str(value) if value_of(str(value)) == value else json.dumps(value)


def _unknown_source(name: str) -> str:
    release = release_called(name)
    if release and closest(name, [*SOURCES, release]) == release:
        source = RELEASES[release].source
        return f"--source: {name!r} is unknown; `--source {source}` reads the release {release!r}"
    meant = did_you_mean(closest(name, SOURCES))
    return f"--source: {name!r} is unknown; one of {listed(SOURCES, len(SOURCES))}{meant}"


def _parsed(keys: Iterable[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for text in keys:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(f"--key {text}: a key and its value are expected, as dev=FILE")
        if key in given:
            raise InputError(f"--key {key}: it is given twice")
        given[key] = value_of(value)
    return given


def _explain(record: type[Source], error: ValidationError) -> Iterator[str]:
    """The problems of a record, a line each, in the words of configurations."""
    for problem in error.errors(include_url=False):
        key = "".join(str(part) for part in problem["loc"][:1])
        yield (
            f"--key {key}: {_problem(record, key, problem)}"
            if key
            else _problem(record, key, problem)
        )


def _problem(record: type[Source], key: str, problem: Mapping[str, Any]) -> str:
    match problem["type"]:
        case "missing":
            return "this key is missing"
        case "extra_forbidden":
            known: Sequence[str] = [name for name in record.model_fields if name != "source"]
            return f"unknown key; known: {listed(known)}{did_you_mean(closest(key, known))}"
        case _:
            return problem["msg"].removeprefix("Value error, ")
