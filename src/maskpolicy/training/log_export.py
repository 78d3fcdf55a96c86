"""The logs of trainings for those who watch curves: as TensorBoard or trackio want them."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from maskpolicy.artefacts import atomic_directory
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.training.kept_results import is_kept
from maskpolicy.training.step_log import LOG_NAME

Viewer = Literal["tensorboard", "trackio"]
"""Who shows the curves; each an extra of the package."""

Curves = Mapping[str, Sequence[tuple[int, dict[str, float]]]]
"""Name of a training -> what its log says after so many steps."""


def export_logs(folder: Path, viewer: Viewer, output: Path) -> str:
    """Hand over the log of every training in a folder, of those that are under way too, and return
    how they are looked at.

    A training is called by its place in the folder, and replaces what `output` has of that name.
    Raises InputError where the viewer is not installed or there is no log, and ArtefactError,
    naming file and line, where one is damaged.
    """
    logs = (path for path in sorted(folder.rglob(LOG_NAME)) if not is_kept(path))
    curves = {_name(path, folder): list(_lines(path)) for path in logs}
    if not curves:
        raise InputError(f"{folder}: no {LOG_NAME} in it, which trainings write")
    try:
        if viewer == "tensorboard":
            return _to_tensorboard(curves, output)
        return _to_trackio(curves, output, folder.resolve().name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{viewer} is not installed ({error.name} is missing): pip install"
            f" 'maskpolicy[{viewer}]'"
        ) from None


def _name(path: Path, folder: Path) -> str:
    place = path.parent.relative_to(folder).as_posix()
    return folder.resolve().name if place == "." else place


def _lines(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """A line that is still being written is left out."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            return
        try:
            values = json.loads(line)
            numbers = {key: float(x) for key, x in values.items() if not isinstance(x, str)}
            yield int(numbers.pop("step")), numbers
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ArtefactError(f"{path}, line {number}: this is no line of a log") from None


def _to_tensorboard(curves: Curves, output: Path) -> str:
    from torch.utils.tensorboard import SummaryWriter

    for name, lines in curves.items():
        with atomic_directory(output / name) as run, SummaryWriter(str(run)) as writer:
            for step, values in lines:
                for key, value in values.items():
                    writer.add_scalar(key, value, step)
    return f"tensorboard --logdir {output}"


def _to_trackio(curves: Curves, output: Path, project: str) -> str:
    output.mkdir(parents=True, exist_ok=True)
    os.environ["TRACKIO_DIR"] = str(output)  # which it reads when it is imported
    import trackio

    quiet: dict[str, Any] = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
    with suppress(ValueError):  # there is no such project yet
        for before in trackio.Api().runs(project):
            if before.name in curves:
                before.delete()
    for name, lines in curves.items():
        trackio.init(project=project, name=name, **quiet)
        for step, values in lines:
            trackio.log(values, step=step)
        trackio.finish()
    return f"TRACKIO_DIR={output} trackio show --project {project}"
