"""Where in a configuration an error of pydantic is: the keys as written, and what may stand there.

Pydantic's location also names the member of a union that was tried. The user wrote no such key, and
another key may have that very name, so a location is followed through the types of the records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from maskpolicy.errors import InputError
from maskpolicy.policies.base import PolicySpec
from maskpolicy.policies.registry import find_policy
from maskpolicy.sources import base
from maskpolicy.sources.registry import YIELDS, find_record, kind_yielded
from maskpolicy.study.records import StudyRecords


@dataclass(frozen=True)
class Place:
    """A place in a configuration."""

    keys: tuple[str, ...]  # on the way to it, as written
    record: type[BaseModel] | None  # whose key the last one is
    kind: Any  # the type of what may stand there; None where that isn't known

    @property
    def tags(self) -> tuple[str, ...]:
        """The members of a union, by what chooses among them."""
        return tuple(tag for member in _members(self.kind) for tag in _tags(member))


def find_place(location: Sequence[str | int], config: Any) -> Place:
    """The place of a location of pydantic's in a configuration that begins with a study."""
    keys: list[str] = []
    kind, record = _resolve(StudyRecords, config), None
    for part in location:
        members = _members(kind)
        if chosen := [member for member in members if part in _tags(member)]:
            kind = _resolve(chosen[0], config)
        elif members or part == "[key]":  # a type that was tried, or a name of a mapping
            kind = None
        else:
            record = kind if _is_record(kind) else None
            keys.append(str(part))
            config = _item(config, part)
            kind = _resolve(_kind_of(kind, part), config)
    return Place(tuple(keys), record, kind)


def _resolve(kind: Any, value: Any) -> Any:
    """A type without its annotations; of records found by a name, the one that `value` names."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        some = [member for member in get_args(kind) if member is not NoneType]
        return _resolve(some[0], value) if len(some) == 1 else kind
    if not _is_record(kind) or not isinstance(value, Mapping):
        return kind
    if kind is PolicySpec:
        try:
            return find_policy(str(value.get("kind")))
        except InputError:
            return kind
    for promise in YIELDS:
        if kind is getattr(base, promise) and kind_yielded(value, promise):
            return find_record(value["source"], promise)
    return kind


def _kind_of(kind: Any, part: str | int) -> Any:
    """The type of what a record, a mapping or a list has at a key."""
    if _is_record(kind):
        field = kind.model_fields.get(part)
        return field and field.annotation
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    if get_origin(kind) is tuple and isinstance(part, int):
        return arguments[0] if Ellipsis in arguments else dict(enumerate(arguments)).get(part)
    return None


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else ()


def _tags(member: Any) -> list[str]:
    """By what a member of a union is chosen: its tag, or else the one value of a field."""
    if tags := [part.tag for part in get_args(member)[1:] if isinstance(part, Tag)]:
        return tags
    fields = member.model_fields.values() if _is_record(member) else ()
    chosen = [
        get_args(field.annotation) for field in fields if get_origin(field.annotation) is Literal
    ]
    return [values[0] for values in chosen if len(values) == 1]


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _item(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (TypeError, KeyError, IndexError):
        return None
