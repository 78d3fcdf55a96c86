"""Signals that ask a training to stop: it may end its step and save what it did."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from maskpolicy.training.processes import Processes

ASKED = (signal.SIGTERM, signal.SIGUSR1)
"""What schedulers and Snakemake send before they kill: Slurm with `--signal=USR1@120` two minutes
before the time is over.
"""


class Request:
    """Whether, and by which signal, a training was asked to stop."""

    asked: signal.Signals | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        self.asked = signal.Signals(number)

    def agree(self, processes: Processes) -> bool:
        """Whether any of the processes was asked to stop: then all were. They wait for each other,
        so that all stop after the same step.
        """
        asked = processes.highest(self.asked or 0)
        if asked:  # else one may have come since, which is for the next step
            self.asked = signal.Signals(asked)
        return bool(asked)

    def obey(self, title: str, done: int, steps: int, processes: Processes) -> NoReturn:
        """End the process, with the exit status that shells give to one which the signal ended: 143
        for SIGTERM, 138 for SIGUSR1. What is under `title` has saved its state after `done` steps,
        which the first process says.
        """
        assert self.asked is not None
        with suppress(OSError):  # the signal may have ended who reads this
            if processes.first:
                print(
                    f"{title}: stopped by {self.asked.name}; its state after step {done:,} of"
                    f" {steps:,} is saved, and the same command goes on from there",
                    file=sys.stderr,
                    flush=True,
                )
        # The first has saved: who starts several ends all when one has ended.
        processes.highest(0)
        raise SystemExit(128 + self.asked)


@contextmanager
def requests_to_stop() -> Iterator[Request]:
    """Note signals instead of ending at once. One that nobody looked at has its usual effect in
    the end. Other threads than the main one can't do that: there nothing changes.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {asked: signal.signal(asked, request.note) for asked in ASKED}
    try:
        yield request
    finally:
        for asked, handler in before.items():
            signal.signal(asked, handler)
    if request.asked is not None:
        signal.raise_signal(request.asked)
