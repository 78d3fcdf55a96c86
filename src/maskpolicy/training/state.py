"""The state of an unfinished training, so that it goes on exactly where it was interrupted.

A state is one safetensors file whose header holds the plain facts as JSON: it is renamed into place
as a whole, so an interruption while saving leaves the state before. It is named after the
fingerprint of the settings and data that it belongs to: a training with others never finds it.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from maskpolicy import artefacts
from maskpolicy.artefacts import atomic_path, clear_temporaries
from maskpolicy.errors import ArtefactError
from maskpolicy.training.processes import ALONE, Processes

SAVE_EVERY = 60.0
"""Seconds of training, at most, that an interruption costs, unless saving takes over a second."""

SHARE_OF_TIME = 0.02
"""Of a training, at most, that goes into saving its state."""


@dataclass(frozen=True)
class State:
    """Named tensors (on the CPU) and plain facts, as they were saved."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


LAYOUT = 3
"""Of states: what another layout saved is never found."""


def fingerprint(settings: Any, files: Sequence[Path]) -> str:
    """What a training's result depends on: its settings (plain data) and the content of its inputs.

    Raises ArtefactError, naming the file, when one can't be read.
    """
    return artefacts.fingerprint(LAYOUT, settings, files=files)


def state_file(folder: Path, fingerprint: str) -> Path:
    """Where the state of a training lies."""
    return folder / f"{fingerprint[:32]}.safetensors"


def save_state(
    folder: Path, fingerprint: str, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]
) -> None:
    """Replace the saved state of a training; `facts` is plain data."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(state_file(folder, fingerprint)) as temporary:
        save_file(whole, temporary, metadata={"facts": json.dumps(facts)})


def load_state(folder: Path, fingerprint: str) -> State | None:
    """The saved state of a training, or None. Raises ArtefactError when the file is damaged."""
    path = state_file(folder, fingerprint)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            return State(tensors, json.loads(file.metadata()["facts"]))
    except (OSError, SafetensorError, ValueError) as error:
        raise ArtefactError(f"{path} is damaged ({error}): delete and rerun") from error


def remove_state(folder: Path, fingerprint: str) -> None:
    """Forget the state of a finished training, and its folder where no other state is in it."""
    path = state_file(folder, fingerprint)
    clear_temporaries(path)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # where another training has one there, or makes one now
        folder.rmdir()


class Saving:
    """Keeps the state of one training while it runs; as a context it forgets it when all went well.

    ``with Saving(folder, identity) as saving: …`` encloses the training and the writing of what it
    made: an interruption of either leaves the state, to go on from. Of several processes the first
    saves and forgets; all of them load, whatever the number of those that saved.
    """

    def __init__(self, folder: Path, fingerprint: str, processes: Processes = ALONE) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.processes = processes
        self._next = monotonic() + SAVE_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self.forget()

    def forget(self) -> None:
        """Remove the state and what is beside it."""
        if self.processes.first:
            shutil.rmtree(self.kept_files, ignore_errors=True)
            remove_state(self.folder, self.fingerprint)

    @property
    def kept_files(self) -> Path:
        """A folder for files that have to outlast an interruption, beside the state."""
        return self.folder / self.fingerprint[:32]

    def load(self) -> State | None:
        """What was saved last (see :func:`load_state`)."""
        return load_state(self.folder, self.fingerprint)

    def save(self, state: State) -> None:
        """Replace what was saved last. Raises ArtefactError where it can't be written."""
        if not self.processes.first:
            return
        try:
            save_state(self.folder, self.fingerprint, state.tensors, state.facts)
        except ArtefactError as error:
            kept = state_file(self.folder, self.fingerprint).exists()
            raise ArtefactError(
                f"{error}; {'the state before it is kept' if kept else 'none was saved before'}:"
                f" mend that, and the same command {'goes on' if kept else 'starts anew'}"
            ) from error

    def now_and_then(self, state: Callable[[], State]) -> None:
        """Save what `state` gives, if the last time is long enough ago. All processes give theirs
        when it is for the first one, which may have to gather it from them.
        """
        started = monotonic()
        if not self.processes.highest(int(self.processes.first and started >= self._next)):
            return
        self.save(state())
        finished = monotonic()
        self._next = finished + max(SAVE_EVERY, (finished - started) / SHARE_OF_TIME)


def training_tensors(
    model: torch.nn.Module, optimiser: torch.optim.Optimizer | None
) -> dict[str, torch.Tensor]:
    """Parameters, and of a training that is not at its end the state of its optimiser, under names
    that `restore_training` reads.
    """
    parameters: dict[str, torch.Tensor] = {
        f"model/{name}": parameter for name, parameter in model.named_parameters()
    }
    if optimiser is None:
        return parameters
    moments = {
        f"optimiser/{index}/{name}": torch.as_tensor(value)
        for index, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }
    return parameters | moments


def restore_training(
    model: torch.nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Set model and optimiser to what `training_tensors` gave; other names are ignored."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model/{name}"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for address, tensor in tensors.items():
        room, _, rest = address.partition("/")
        if room == "optimiser":
            index, _, name = rest.partition("/")
            moments.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict(
        {"state": moments, "param_groups": optimiser.state_dict()["param_groups"]}
    )
