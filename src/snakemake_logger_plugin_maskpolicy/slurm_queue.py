"""What Slurm does with the jobs of a run: asked now and then, and told when it changes.

Snakemake says what it submits and what has ended. Whether a job runs or waits, and for what, it
does not know; and one that can never start waits for ever.
"""

import subprocess
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread

EVERY = 30.0
"""Seconds between two questions: one for all jobs of the run, whatever their number."""

NEVER = (
    "BadConstraints",
    "AccountNotAllowed",
    "JobHeldAdmin",
    "JobHeldUser",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "QOSNotAllowed",
)
"""Why a job will not start by waiting; as are all reasons that end in `PerJob` or `PerJobLimit`."""


class SlurmQueue:
    """Watches the jobs of the run `name` in the background until it is closed."""

    def __init__(
        self, name: str, tell: Callable[[str], None], warn: Callable[[str, str], None]
    ) -> None:
        """`tell` gets what all jobs do, `warn` the number and reason of one that can't start."""
        self._name, self._tell, self._warn = name, tell, warn
        self._told, self._waited, self._warned = "", False, set[str]()
        self._closed = Event()
        Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(EVERY):
            jobs = self._jobs()
            waiting = Counter(reason for _, state, reason in jobs if state == "PENDING")
            reasons = ", ".join(f"{reason} {count}" for reason, count in waiting.most_common())
            told = f"{waiting.total()} wait ({reasons})" if waiting else "none waits"
            told = f"{sum(state == 'RUNNING' for _, state, _ in jobs)} run, {told}"
            # While none waits, all that was submitted runs.
            if told != self._told and (waiting or self._waited):
                self._told = told
                self._tell(told)
            self._waited = bool(waiting)
            for number, state, reason in jobs:
                never = reason in NEVER or reason.endswith(("PerJob", "PerJobLimit"))
                if state == "PENDING" and never and number not in self._warned:
                    self._warned.add(number)
                    self._warn(number, reason)

    def _jobs(self) -> list[tuple[str, str, str]]:
        """Number, state and reason of each that waits or runs; none where Slurm doesn't answer."""
        command = ["squeue", "--noheader", f"--name={self._name}", "--format=%i|%T|%r"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return []
        lines = [line.split("|") for line in done.stdout.splitlines()]
        return [(line[0], line[1], line[2]) for line in lines if len(line) == 3]
