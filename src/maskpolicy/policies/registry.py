"""Every masking policy by its `kind`: those of this package, installed ones, and a user's own.

Importing this module loads nothing heavy; a policy's record is imported when its kind is asked for.
"""

import json
import sys
import traceback
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from maskpolicy.errors import InputError, closest, did_you_mean
from maskpolicy.policies.base import Policy, PolicySpec

POLICIES = MappingProxyType(
    {
        "fully-explored": "FullyExplored",
        "gap-sentences": "GapSentences",
        "idf": "RareWords",
        "informative": "InformativeWords",
        "mask-first-sentences": "MaskFirstSentences",
        "mask-random-sentences": "MaskRandomSentences",
        "meta": "MetaLearned",
        "mixture": "Mixture",
        "orig-infill": "OrigInfill",
        "pmi": "CorrelatedSpans",
        "pos": "PartsOfSpeech",
        "rand": "RandomTokens",
        "selective": "Selective",
        "span": "RandomSpans",
        "ssm": "Ssm",
        "supervised": "Supervised",
        "whole-word": "WholeWord",
    }
)
"""Kind -> the record's class in `specs.py`."""

GROUP = "maskpolicy.policies"
"""The entry points by which an installed package adds kinds: name -> `module:Class`."""


def find_policy(kind: str) -> type[PolicySpec]:
    """The class of the record of a kind: one of POLICIES, an entry point, or `MODULE:CLASS`.

    A module is looked for where Python does, then in the working directory. Raises InputError when
    the kind is unknown, or its module or class is missing or no policy.
    """
    if kind in POLICIES:
        return resolve_name(f"{__package__}.specs:{POLICIES[kind]}")
    address = kind
    if ":" not in kind:
        installed = _installed()
        if kind not in installed:
            known = [*POLICIES, *installed]
            raise InputError(
                f"unknown policy {kind!r}; known: {', '.join(known)}, or MODULE:CLASS of your own"
                f"{did_you_mean(closest(kind, known))}"
            )
        address = installed[kind].value
    module_name, _, class_name = address.partition(":")
    module = _import(module_name)
    found = getattr(module, class_name, None)
    if found is None:
        raise InputError(f"{_file(module)} has no class {class_name!r}")
    if not (isinstance(found, type) and issubclass(found, PolicySpec)):
        raise InputError(
            f"{class_name!r} of {_file(module)} is no policy: it must be a subclass of"
            " maskpolicy.policies.base.PolicySpec"
        )
    builds = found.implementation or found.build is not PolicySpec.build
    if not builds and not callable(getattr(found, "decide", None)):
        raise InputError(f"{class_name!r} of {_file(module)} has no method `decide`")
    return found


def _of_its_kind(value: Any, info: ValidationInfo) -> Any:
    """A policy's record from plain data, of the class that its `kind` says; errors name the key."""
    if not isinstance(value, dict):
        return value
    known = {"known": ", ".join([*POLICIES, *_installed()])}
    missing = PydanticCustomError("missing_choice", "this key is missing; one of: {known}", known)
    problem: InitErrorDetails = {"type": missing, "loc": ("kind",), "input": value}
    if "kind" in value:
        try:
            policy = find_policy(str(value["kind"]))
        except InputError as error:
            reason = PydanticCustomError("policy", "{reason}", {"reason": str(error)})
            problem = {"type": reason, "loc": ("kind",), "input": value["kind"]}
        else:
            if info.mode == "json":  # where strict validation takes a list for a tuple
                return policy.model_validate_json(json.dumps(value), context=info.context)
            return policy.model_validate(value, context=info.context)
    raise ValidationError.from_exception_data("policy", [problem])


AnyPolicy = Annotated[SerializeAsAny[PolicySpec], BeforeValidator(_of_its_kind)]
"""A policy of the configuration: a record of the class that is found by its `kind`."""


def build_policy(
    spec: PolicySpec, statistics: Path | None = None, networks: Path | None = None
) -> Policy:
    """The policy that `spec` describes.

    `statistics` is the folder of the corpus's `{statistic}.arrow` files that `spec.statistics`
    names, `networks` that of the `{network}/` folders that `spec.networks` names. One that may not
    mask titles does not see them (:class:`WithoutTitles`). Raises InputError when something is
    needed and missing, ArtefactError when a file in it is.
    """
    if spec.networks and networks is None:
        needed = ", ".join(map(repr, spec.networks))
        raise InputError(f"policy {spec.kind!r} needs its trained network {needed}")
    if spec.statistics and statistics is None:
        needed = ", ".join(spec.statistics)
        raise InputError(f"policy {spec.kind!r} needs the corpus's statistics: {needed}")
    policy = spec.build(statistics, networks)
    if spec.masks_titles:
        return policy
    from maskpolicy.policies.titles import WithoutTitles

    return WithoutTitles(spec, policy)


def describe_policies() -> list[tuple[str, str, str]]:
    """(kind, "hand-made" or "learned", what it masks and its parameters) of every policy.

    A parameter is given with its default, other choices after a `|`; without one it is required.
    """
    rows = []
    for kind in [*POLICIES, *_installed()]:
        policy = find_policy(kind)
        made = "learned" if "network" in policy.model_fields else "hand-made"
        summary = (policy.__doc__ or "").partition("\n")[0]
        fields = {name: field for name, field in policy.model_fields.items() if name != "kind"}
        parameters = ", ".join(_parameter(name, field) for name, field in fields.items())
        rows.append((kind, made, f"{summary} {parameters}".strip()))
    return rows


def _parameter(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return name
    if isinstance(field.default, BaseModel):
        words = (f"{key}: {value}" for key, value in field.default.model_dump().items())
        return f"{name}={{{', '.join(words)}}}"
    others = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f"{name}={'|'.join(map(str, dict.fromkeys([field.default, *others])))}"


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    # Programs start with the folder of their own script on the path, not with the working one.
    if not {here, ""} & set(sys.path):
        sys.path.append(here)
    try:
        return import_module(name)
    except Exception as error:  # whatever a user's own file may raise
        missing = isinstance(error, ModuleNotFoundError) and error.name
        if missing and f"{name}.".startswith(f"{missing}."):
            problem = f"there is no module {name!r}, neither installed nor in {here}"
            raise InputError(problem) from error
        place = ""  # which a SyntaxError names itself
        if not isinstance(error, SyntaxError):
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f" ({last.filename}, line {last.lineno})"
        problem = f"module {name!r} can't be imported: {type(error).__name__}: {error}{place}"
        raise InputError(problem) from error


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__
