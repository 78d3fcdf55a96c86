"""Who works: of the jobs that make the same at once, one works and the others wait for it.

There are two where a driver was killed and started again while its jobs went on, or where a node
was taken for dead. Importing this module loads nothing heavy.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname

from maskpolicy.artefacts import read_json, write_json
from maskpolicy.errors import ArtefactError

LEASE = 60.0
"""Seconds without a sign of life after which the owner is taken for dead. One that was killed on
this machine is known to be at once.
"""


@contextmanager
def owned(state: Path) -> Iterator[None]:
    """Own what is made with the states in a folder; wait for as long as another process does,
    of this machine or of any other that has the same disk, and say for whom.

    Another one may take over where this one has shown no life for LEASE seconds, as a suspended
    job: it is then asked to stop, as by a scheduler.
    """
    from filelock import SoftFileLease, Timeout

    lock, owner = _beside(state, "lock"), _beside(state, "owner.json")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lease = SoftFileLease(lock, lease_duration=LEASE, on_compromise=_stop)
    try:
        lease.acquire(timeout=0)
    except Timeout:
        print(f"waiting for {_described(owner)}, which makes the same", file=sys.stderr, flush=True)
        lease.acquire(poll_interval=1.0)
    try:
        job = os.environ.get("SLURM_JOB_ID")
        write_json(owner, {"host": gethostname(), "process": os.getpid(), "slurm_job": job})
        yield
    finally:
        if lease.compromise is None:  # else it is another's
            owner.unlink(missing_ok=True)
        lease.release()


def _beside(state: Path, name: str) -> Path:
    return state.with_name(f"{state.name}.{name}")


def _stop(lost: object) -> None:
    if getattr(lost, "reason", None) != "refresh-failed":  # else the disk doesn't answer: it may
        os.kill(os.getpid(), signal.SIGTERM)


def _described(owner: Path) -> str:
    with suppress(ArtefactError):
        facts = read_json(owner)
        where = f"process {facts['process']} on {facts['host']}"
        if facts["slurm_job"]:
            return f"Slurm job {facts['slurm_job']} ({where}; `scancel` it if nobody wants it)"
        return where
    return "another process"
