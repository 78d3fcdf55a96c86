"""The GPUs that Snakemake granted a job: which of the machine's are its own, and whether there are.

Snakemake counts GPUs and assigns none: without this all jobs of a machine would take the first.
Importing this module loads nothing heavy, as torch looks for its devices once, when it is loaded.
"""

import fcntl
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import uniform
from tempfile import gettempdir
from time import sleep

from maskpolicy.errors import InputError

GRANTED = "MASKPOLICY_GPUS"
"""Variable of the environment: how many GPUs the rule of the job asked for."""

GRANTED_BY = "MASKPOLICY_GPUS_GRANTED_BY"
"""Who promised them: a `cluster`, or `machine`, by `--resources gpu=N`. Else they are a wish."""

VISIBLE = "CUDA_VISIBLE_DEVICES"

_held: list[int] = []
"""Open files, whose locks end with this process, however it ends."""


def granted() -> int:
    """How many GPUs this job was promised; 0 where nobody promised any."""
    return int(os.environ.get(GRANTED) or 0) if os.environ.get(GRANTED_BY) else 0


def visible_devices() -> list[str]:
    """The names that CUDA knows the GPUs of this process by."""
    visible = os.environ.get(VISIBLE)
    if visible is None:  # then all that NVIDIA's driver has
        found = Path("/proc/driver/nvidia/gpus")
        return [str(i) for i in range(len(list(found.iterdir())))] if found.is_dir() else []
    return [name.strip() for name in visible.split(",") if name.strip()]


def take_devices() -> None:
    """Leave visible as many GPUs as were granted, where there are more: those that are free.

    They are this process's own while it lives, among all that take theirs so. It waits for them.
    """
    wanted, devices = granted(), visible_devices()
    if not 0 < wanted < len(devices):
        return
    said = False
    while len(taken := _lock_free(devices, wanted)) < wanted:
        for _, file in taken:  # else two that want several could wait for each other
            os.close(file)
        if not said:
            said = True
            print(f"waiting for {wanted} of {len(devices)} GPUs to be free", file=sys.stderr)
        sleep(uniform(0.5, 1.5))
    _held.extend(file for _, file in taken)
    os.environ[VISIBLE] = ",".join(name for name, _ in taken)


def _lock_free(devices: list[str], wanted: int) -> list[tuple[str, int]]:
    """Names of free devices, at most as many as wanted, and their locked files."""
    folder = Path(gettempdir(), "maskpolicy-gpus")
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError):  # it is another user's, who has shared it
        folder.chmod(0o1777)
    taken: list[tuple[str, int]] = []
    for name in devices:
        if len(taken) == wanted:
            break
        path = folder / name.replace("/", "-")
        file = _opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            taken.append((name, file))
    return taken


def _opened(path: Path) -> int:
    """A file to lock, for all users of the machine. Raises InputError where that can't be."""
    try:
        if not path.exists():
            path.touch()
            path.chmod(0o644)
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"cannot lock a GPU by {path}: {error.strerror}; another TMPDIR helps"
        ) from error


@cache
def refuse_missing_gpu() -> None:
    """Say that a GPU was promised, where there is none. Raises InputError if by a cluster."""
    if not granted():
        return
    if os.environ[GRANTED_BY] == "cluster":
        raise InputError(
            f"the job was granted {granted()} GPUs, and PyTorch sees none on this node: look at its"
            " driver and at the version of torch, or set `gpu: 0` for this rule"
        )
    print("PyTorch sees no GPU, whatever `--resources gpu` says: the CPU works", file=sys.stderr)
