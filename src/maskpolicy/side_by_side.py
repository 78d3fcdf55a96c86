"""Independent jobs, side by side in processes of this machine."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

from maskpolicy.errors import ArtefactError

Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def in_processes(jobs: Mapping[str, Callable[[], Result]], processes: int) -> Iterator[Result]:
    """What jobs give, in their order, so many at a time; with one process they are done here.

    With several, each job has one thread, even if it is the only one: so figures are the same. They
    are named by what they are about. Functions, arguments and results are pickled. What one
    raises is raised here; jobs that have begun are done first, others are not begun. Raises
    ArtefactError, naming what a job was about, when its process was killed.
    """
    if processes == 1 or not jobs:
        for job in jobs.values():
            yield job()
        return
    with process_pool(min(processes, len(jobs))) as pool:
        futures = {name: pool.submit(job) for name, job in jobs.items()}
        for name, future in futures.items():
            with explained_death(name):
                result = future.result()
            yield result


@contextmanager
def process_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of so many processes of one thread each; at the end nothing more is begun."""
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def explained_death(about: str) -> Iterator[None]:
    """Turn the death of a process into an ArtefactError that says what it was at."""
    try:
        yield
    except BrokenProcessPool as error:
        problem = "a process at it, or beside it, was killed: for want of memory?"
        raise ArtefactError(f"{about}: {problem}") from error


def _begin() -> None:
    # Snakemake sets them to all threads of a job, which are as many as there are processes.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the first process says what was interrupted
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Of a first process that is killed nobody else tells the others, which would wait for ever."""
    if parent := parent_process():
        parent.join()
    os._exit(1)
