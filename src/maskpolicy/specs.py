"""What all records of the configuration are made of; importing this module loads nothing heavy."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
LONGEST_NAME = 100
Name = Annotated[str, Field(pattern=NAME, max_length=LONGEST_NAME)]
"""A name of the configuration, which becomes part of paths; file systems take 255 characters."""


def expand_home(path: str) -> str:
    """A path whose `~` at its beginning, if there is one, is the home; else as it is written."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:  # the home of a user that there is not: no such file, later
        return path


def find_path(path: str, info: ValidationInfo) -> str:
    """A path as it is opened: `~` is the home, and a study's relative ones are in its `data_root`.

    That folder is in the context when a study is validated. Commands validate without a context:
    what they are given was found already.
    """
    root = (info.context or {}).get("data_root")
    expanded = expand_home(path)
    return str(Path(root, expanded)) if root and path else expanded


LocalPath = Annotated[str, AfterValidator(find_path)]
"""The path of a file or folder; see :func:`find_path`."""

Count = Annotated[int, Field(ge=1, le=10**9)]
"""Of what there may be many, though no computer counts further in a lifetime."""

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""What torch can be seeded with."""

Rate = Annotated[float, Field(gt=0, lt=1)]
"""A share, strictly between 0 and 1."""


class Spec(BaseModel):
    """Base of all configuration records: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
