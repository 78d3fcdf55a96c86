"""Records that stages hand to each other as JSON files."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from maskpolicy.artefacts import read_json, write_json
from maskpolicy.errors import ArtefactError


class JsonRecord(BaseModel):
    """Base of such records; those of the configuration are a :class:`~maskpolicy.specs.Spec`.

    What is read back is checked: unknown keys are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record. Raises ArtefactError, naming the file and key, when it isn't one."""
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise ArtefactError(f"{path}: {key}: {problem['msg']}") from None

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all; the same record gives the same bytes."""
        write_json(path, self.model_dump(mode="json"))
