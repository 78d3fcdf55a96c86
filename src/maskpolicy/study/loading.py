"""Reading a configuration: what is wrong with it is said at once, each mistake by its key."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import ValidationError, model_validator

from maskpolicy.errors import InputError, closest, did_you_mean, listed
from maskpolicy.records import JsonRecord
from maskpolicy.sources.releases import RELEASES, release_called
from maskpolicy.specs import LONGEST_NAME, NAME, expand_home
from maskpolicy.study.checks import CHECKS
from maskpolicy.study.places import Place, find_place
from maskpolicy.study.records import StudyRecords, results_of

_DEEPEST = 100
"""Levels of a configuration; records have some ten, and a parser of JSON takes two hundred."""


STUDY_FILE = "study.json"
"""In the folder of a study's results: which one it is."""

CONFIGURATION = "configuration.json"
"""Beside it: the configuration of the last run, which jobs on a cluster read."""


class ConfigError(InputError):
    """The configuration is wrong; the message names the key."""


class Study(StudyRecords):
    """A whole study, checked. `Study.load` is how it is read."""

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> "Study":
        """Check a configuration as parsed from YAML. Raises ConfigError naming every wrong key.

        Paths of its records are final: those that were relative begin with its `data_root`.
        """
        if problems := list(_not_plain(config)):
            raise ConfigError("\n".join(problems))
        try:
            # Through JSON, because strict validation takes a list for a tuple only from JSON.
            return cls.model_validate_json(json.dumps(config), context=_context(config))
        except ValidationError as error:
            raise ConfigError("\n".join(_explain(error, config))) from None

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        if problems := [problem for check in CHECKS for problem in check(self)]:
            raise ValueError("\n".join(problems))
        return self


def _context(config: Mapping[str, Any]) -> dict[str, str]:
    """What :func:`maskpolicy.specs.find_path` wants to know; a root that is no text is an error."""
    root = config.get("data_root")
    return {"data_root": expand_home(root)} if isinstance(root, str) else {}


# --- what a file says ---------------------------------------------------------------------------


def load_study(path: Path, data_root: str | None = None) -> Study:
    """Read a study from its file, with another `data_root` if one is given.

    Raises ConfigError naming the file and line, or every key.
    """
    config = with_name(read_configuration(path), [path])
    return Study.load(config if data_root is None else {**config, "data_root": data_root})


def with_name(config: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """A configuration with its name: without a key for it that of its files.

    So a copy of a file is another study, and results of the first are not written over. Raises
    ConfigError naming the file whose name is none for a study, or that of another one.
    """
    if "name" in config:
        return dict(config)
    name = "-".join(file.stem for file in files)
    advice = "rename the file, or give the configuration a `name`"
    if not (re.fullmatch(NAME, name) and len(name) <= LONGEST_NAME):
        raise ConfigError(
            f"{files[-1]}: its results would lie in a folder {name!r}, which is no name for one:"
            f" {advice}"
        )
    made_by = Path(results_of(name), STUDY_FILE)
    if made_by.exists() and (others := StudyFiles.read(made_by)) != StudyFiles.of(files):
        raise ConfigError(
            f"{files[-1]}: {results_of(name)} holds results of {', '.join(others.files)}: {advice}"
        )
    return {"name": name, **config}


class StudyFiles(JsonRecord):
    """The files that a study is configured in, relative to where it runs: in STUDY_FILE."""

    files: tuple[str, ...]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Self:
        """The record of some files."""
        return cls(files=tuple(os.path.relpath(file) for file in files))


def read_configuration(path: Path) -> dict[str, Any]:
    """Read a file of YAML, or JSON, with keys of which none is written twice.

    Raises ConfigError naming the file and the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8: {error}"
        raise ConfigError(f"cannot read {path}: {reason}") from None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{path}: a configuration is keys and their values; here are none")
        problems = list(_repeated_keys(node, "", set()))
        if not problems:
            return loader.construct_document(node)
    except RecursionError:
        problems = [f"nested more than {_DEEPEST} levels deep"]
    except yaml.YAMLError as error:
        if (as_json := _read_json(text)) is not None:  # which may be indented with tabs
            return as_json
        problems = [_explain_yaml(error, text)]
    raise ConfigError("\n".join(f"{path}, {problem}" for problem in problems))


def _repeated_keys(node: yaml.Node, key: str, within: set[yaml.Node]) -> Iterator[str]:
    """Keys that stand twice in a mapping, of which the first would be lost; and endless nesting."""
    line = node.start_mark.line + 1
    if node in within:
        yield f"line {line}: {key} refers to what it is a part of"
        return
    inner = within | {node}
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated_keys(item, f"{key}.{number}", inner)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for name, value in node.value:
        written, line = f"{key}.{name.value}".removeprefix("."), name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            yield f"line {line}: a key of {key or 'the file'} is no text"
            continue
        if name.value in lines:
            yield f"line {line}: {written} is written twice, before in line {lines[name.value]}"
        lines[name.value] = line
        yield from _repeated_keys(value, written, inner)


def _explain_yaml(error: yaml.YAMLError, text: str) -> str:
    match error:
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark(line=line, column=column), problem=why):
            if "\\t" in str(why):
                why = "indent with spaces, not with tabs"
        case yaml.reader.ReaderError(position=position, character=character):
            line, column = (
                text.count("\n", 0, position),
                position - text.rfind("\n", 0, position) - 1,
            )
            why = f"the character {character:#06x} is not allowed"
        case _:
            return f"this is no YAML: {error}"
    return f"line {line + 1}, column {column + 1}: this is no YAML: {why}"


def _read_json(text: str) -> dict[str, Any] | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


# --- what a configuration holds -------------------------------------------------------------------


def _not_plain(value: Any, key: str = "", within: tuple[int, ...] = ()) -> Iterator[str]:
    """What YAML may hold that no record does, each by its key."""
    if isinstance(value, Mapping | list):
        if id(value) in within:
            yield f"{key}: refers to what it is a part of"
            return
        if len(within) >= _DEEPEST:
            yield f"{_cut(key)}: nested more than {_DEEPEST} levels deep"
            return
    if isinstance(value, Mapping):
        for name, item in value.items():
            written = f"{key}.{name}".removeprefix(".")
            if not isinstance(name, str):
                yield f"{written}: YAML reads this key as {_called(name)}; write it in quotes"
            else:
                yield from _not_plain(item, written, (*within, id(value)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _not_plain(item, f"{key}.{number}", (*within, id(value)))
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            yield f"{key}: {value!r} holds half a character, which no file can"
    elif isinstance(value, int):
        if value.bit_length() > 1000:
            yield f"{key}: a number of more than 300 digits"
    elif not isinstance(value, float | None):
        yield f"{key}: YAML reads this as {_called(value)}; text is written in quotes"


def _called(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} {_cut(str(value))}"


def _cut(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


# --- what pydantic finds wrong --------------------------------------------------------------------


@dataclass(frozen=True)
class _Mistake:
    """One error of pydantic's, in the words of a configuration."""

    keys: tuple[str, ...]
    message: str
    given: str = ""  # what stands there, where the message doesn't say it
    meant: str | None = None  # what is likely to have been meant
    missing: bool = False


def _explain(error: ValidationError, config: Any) -> Iterator[str]:
    """The lines of an error, one for each key and what stands there."""
    problems = [problem for problem in error.errors(include_url=False) if not _follows(problem)]
    mistakes = [_mistake(problem, find_place(problem["loc"], config)) for problem in problems]
    # What is missing under its right name is there under a wrong one.
    misspelt = {(*m.keys[:-1], m.meant) for m in mistakes if m.message == _UNKNOWN}
    grouped: dict[tuple[tuple[str, ...], str], list[_Mistake]] = defaultdict(list)
    for mistake in mistakes:
        if not (mistake.missing and mistake.keys in misspelt):
            grouped[mistake.keys, mistake.given].append(mistake)
    for (keys, given), some in grouped.items():
        # Each member of a union that was tried says what it had wanted.
        first, *others = dict.fromkeys(mistake.message for mistake in some)
        wanted = " or ".join([first, *(other.removeprefix(_WANTED) for other in others)])
        meant = next((mistake.meant for mistake in some if mistake.meant), None)
        line = f"{wanted}{given}{did_you_mean(meant)}"
        yield f"{'.'.join(keys)}: {line}" if keys else line


_UNKNOWN = "unknown key"
_WANTED = "Input should be "


def _follows(problem: Mapping[str, Any]) -> bool:
    """Whether it is only said because of another problem.

    Of a list of which items are wrong that it is too short; of a default that a wrong key decides.
    """
    if problem["type"] == "default_factory_not_called":
        return True
    return problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]


def _mistake(problem: Mapping[str, Any], place: Place) -> _Mistake:
    keys, given, context = place.keys, problem["input"], problem.get("ctx", {})
    known: Iterable[str] = ()
    message = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            known = place.record.model_fields if place.record else ()
            return _Mistake(keys, _UNKNOWN, meant=closest(keys[-1], known))
        case "too_short" | "too_long":
            count = message.removeprefix("Tuple should have").replace(" after validation", "")
            return _Mistake(keys, f"Input should have{count}")
        case "missing":
            return _missing(keys, get_args(place.kind) if get_origin(place.kind) is Literal else ())
        case "union_tag_not_found" if context["discriminator"].startswith("'"):
            return _missing((*keys, context["discriminator"].strip("'")), place.tags)
        case "union_tag_invalid":
            keys = (*keys, context["discriminator"].strip("'"))
            message, given = f"{_WANTED}{context['expected_tags']}", context["tag"]
            known = place.tags
        case "float_type" | "int_type" if number := _number(given):
            return _Mistake(keys, f"YAML reads {_cut(given)} as text; write {_cut(number)}")
        case "tuple_type" if isinstance(given, str | int | float):
            return _Mistake(keys, f"{_WANTED}a list: write [{_cut(str(given))}]")
        case "policy" | "missing_choice":  # which say all that there is to say
            return _Mistake(keys, message, missing=problem["type"] == "missing_choice")
        case "unknown_source":
            known = context["known"].split(", ")
            if hint := _release(given, list(known)):
                return _Mistake(keys, message, hint)
        case _:
            known = re.findall(r"'([^']+)'", context.get("expected", ""))
    meant = closest(given, known) if isinstance(given, str) else None
    written = "" if isinstance(given, dict) else f", not {_cut(repr(given))}"
    return _Mistake(keys, message, written, meant)


def _release(given: Any, known: Sequence[str]) -> str | None:
    """Of what is given for a source: that it is a release, or nearly one, which one of `known`
    reads; None where it is nearer to a source.
    """
    if not isinstance(given, str) or (name := release_called(given)) is None:
        return None
    source = RELEASES[name].source
    if source not in known or closest(given, [*known, name]) != name:
        return None
    return f", not {_cut(repr(given))}; `source: {source}` reads the release {name!r}"


def _missing(keys: tuple[str, ...], choices: Sequence[str]) -> _Mistake:
    what = "item" if keys[-1].isdigit() else "key"
    of = f"; one of: {listed(choices)}" if choices else ""
    return _Mistake(keys, f"this {what} is missing{of}", missing=True)


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
