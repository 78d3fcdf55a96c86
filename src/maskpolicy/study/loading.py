"""Reading a configuration: what is wrong with it is said at once, each mistake by its key."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from maskpolicy.errors import InputError
from maskpolicy.study.checks import CHECKS
from maskpolicy.study.records import StudyRecords


class ConfigError(InputError):
    """The configuration is wrong; the message names the key."""


class Study(StudyRecords):
    """A whole study, checked. `Study.load` is how it is read."""

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> "Study":
        """Check a configuration as parsed from YAML. Raises ConfigError naming every wrong key."""
        try:
            return cls.model_validate_json(_as_json(config))
        except ValidationError as error:
            lines = [_explain(problem, config) for problem in error.errors(include_url=False)]
            raise ConfigError("\n".join(lines)) from None

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        if problems := [problem for check in CHECKS for problem in check(self)]:
            raise ValueError("\n".join(problems))
        return self


def _as_json(config: Mapping[str, Any]) -> str:
    # Through JSON, because strict validation takes a list for a tuple only from JSON.
    try:
        return json.dumps(config)
    except TypeError as error:
        raise ConfigError(
            f"the configuration holds something that is not plain data: {error}"
        ) from None


def _explain(problem: Mapping[str, Any], config: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif problem["type"] == "missing":
        message = "this key is missing"
    elif problem["type"] in ("float_type", "int_type") and (number := _number(problem["input"])):
        message = f"YAML reads {problem['input']} as text; write {number}"
    elif "input" in problem and not isinstance(problem["input"], dict):
        message = f"{message}, not {problem['input']!r}"
    key = ".".join(_written_keys(problem, config))
    return f"{key}: {message}" if key else message


def _number(value: Any) -> str | None:
    """How YAML 1.1 wants a number that it took for text, as 1e-4: with a point and a sign."""
    if not isinstance(value, str):
        return None
    mantissa, _, exponent = value.lower().partition("e")
    try:
        float(value)
        point = mantissa if "." in mantissa else f"{mantissa}.0"
        return f"{point}e{int(exponent):+d}" if exponent else value
    except ValueError:
        return None


def repeated_keys(path: Path) -> list[str]:
    """The keys that a YAML file has twice, of which the first would be lost, with their lines."""
    problems: list[str] = []

    def walk(node: yaml.Node | None, key: str) -> None:
        if isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                walk(item, f"{key}.{number}")
        if not isinstance(node, yaml.MappingNode):
            return
        lines: dict[str, int] = {}
        for name, value in node.value:
            written = f"{key}.{name.value}".removeprefix(".")
            line = name.start_mark.line + 1
            if name.value in lines:
                problems.append(
                    f"{written}: written twice, in lines {lines[name.value]} and {line}"
                )
            lines[name.value] = line
            walk(value, written)

    with path.open(encoding="utf-8") as file:
        walk(yaml.compose(file, Loader=yaml.SafeLoader), "")
    return problems


def _written_keys(problem: Mapping[str, Any], config: Any) -> Iterator[str]:
    # Pydantic's location also names the member of a union that was tried; the user wrote no such
    # key.
    for part in problem["loc"]:
        if (isinstance(config, Mapping) and part in config) or (
            isinstance(config, list) and isinstance(part, int)
        ):
            config = config[part]
        elif not (problem["type"] == "missing" and part == problem["loc"][-1]):
            continue
        yield str(part)
