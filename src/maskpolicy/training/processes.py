"""Several processes that train one model, as torchrun starts them on a machine and Slurm's srun on
several nodes, or one.

Each reads its share of the rows of every step, and adds up its gradient with those of the others.
The first one writes. Importing this module loads nothing heavy.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import CDLL
from dataclasses import dataclass
from datetime import timedelta
from shutil import which
from typing import Any, NoReturn

import numpy as np

from maskpolicy.errors import InputError

LONGEST_WAIT = timedelta(hours=1)
"""For the others, before a process gives up: the first one may take long to write a checkpoint."""

PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

ENDING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""Signals that are passed on to all of them."""

MEETING = "MASKPOLICY_PROCESSES_MEET_AT"
"""Variable of the environment of processes that srun started: host and port of who started them."""


@dataclass(frozen=True)
class Processes:
    """How many there are, and which of them this one is, from 0."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """What this process reads of a step's rows: of neighbours, which are as long, each one."""
        return rows[self.rank :: self.size]

    def totals(self, numbers: Sequence[int]) -> list[int]:
        """The sums over all processes; they wait for each other. No GPU is waited for."""
        if self.size == 1:
            return list(numbers)
        import torch
        from torch.distributed import all_reduce

        sums = torch.tensor(numbers)
        all_reduce(sums)
        return sums.tolist()

    def highest(self, number: int) -> int:
        """The highest that any process has; they wait for each other. No GPU is waited for."""
        if self.size == 1:
            return number
        import torch
        from torch.distributed import ReduceOp, all_reduce

        found = torch.tensor(number)
        all_reduce(found, ReduceOp.MAX)
        return int(found)


ALONE = Processes()
"""One process, as nearly every training has."""


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the processes that were started together; one that was not is alone.

    Where one fails, all end, and only that one says why.
    """
    if not is_started():
        yield ALONE
        return
    import torch.distributed as dist

    if sys.platform == "linux":  # else they would outlive a torchrun that is killed
        CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
    store, rank, size = _meet()
    whole = True
    try:
        # The CPU's numbers go their own way: sent by a GPU they would be waited for.
        backend = "cpu:gloo,cuda:nccl" if _take_gpu() else "gloo"
        dist.init_process_group(
            backend, timeout=LONGEST_WAIT, store=store, rank=rank, world_size=size
        )
        yield Processes(rank, size)
    except Exception as error:
        whole = False
        if store.add("failed", 1) > 1:  # the others miss the one that has said why
            raise SystemExit(1) from None
        if isinstance(error, RuntimeError) and "gloo" in str(error):
            raise InputError(
                f"one of {size} processes has ended without a word, killed perhaps for its memory;"
                " the same command goes on from the last state"
            ) from error
        raise
    finally:
        if whole:  # else this might wait for those that are gone
            dist.destroy_process_group()


def _take_gpu() -> bool:
    """Whether there are GPUs: then this process has its own."""
    import torch

    if not torch.cuda.is_available():
        return False
    wanted, there = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if wanted > there:
        raise InputError(f"{wanted} processes are to have a GPU each, and PyTorch sees {there}")
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return True


def _meet() -> Any:
    """What the processes have in common, which of them this one is, and how many they are."""
    from torch.distributed.rendezvous import rendezvous

    if MEETING not in os.environ:
        return next(rendezvous("env://"))
    host, _, port = os.environ[MEETING].rpartition(":")
    os.environ["LOCAL_RANK"] = os.environ["SLURM_LOCALID"]
    rank, size = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
    return _store(host, int(port)), rank, size


def _store(host: str, port: int, *, ours: bool = False) -> Any:
    """What processes exchange words by: `ours` it is where this process has it, at a free port."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # it is documented

    return TCPStore(host, port, is_master=ours, wait_for_workers=False, timeout=LONGEST_WAIT)


def is_started() -> bool:
    """By torchrun or srun: some clusters set WORLD_SIZE where nothing was started."""
    return "TORCHELASTIC_RUN_ID" in os.environ or MEETING in os.environ


def start_processes(number: int, nodes: int = 1) -> None:
    """Run this command as so many processes, and end when they have: of this machine, or as many
    on each of the `nodes` that Slurm gave this job. For one, and in one that was started so,
    nothing happens. Raises InputError where they can't be started.
    """
    if is_started():
        return
    if nodes > 1:
        _start_on_nodes(max(number, nodes), nodes, gpus=number > 0)
    if number > 1:
        _start_here(number)


def _start_here(number: int) -> NoReturn:
    """torchrun ends all where one ends early, and passes on the signals of schedulers."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    asked = ["--standalone", f"--nproc-per-node={number}"]
    asked.append(f"--signals-to-handle={','.join(each.name for each in ENDING)}")
    command = [sys.executable, *sys.orig_argv[1:]]
    try:
        torchrun.run(torchrun.parse_args([*asked, "--no-python", *command]))
    except ChildFailedError:  # it has said why
        raise SystemExit(1) from None
    except SignalException as stopped:
        raise SystemExit(128 + stopped.sigval) from None
    raise SystemExit(0)


def _start_on_nodes(number: int, nodes: int, *, gpus: bool) -> NoReturn:
    """srun ends all where one ends early, and Slurm's signals reach each of them."""
    of_node, left = divmod(number, nodes)
    if left:
        raise InputError(
            f"{number} processes, a GPU each, are not as many on each of {nodes} nodes"
        )
    if "SLURM_JOB_ID" not in os.environ or which("srun") is None:
        raise InputError(f"`nodes: {nodes}`: Slurm starts several, and this is no job of Slurm")
    host = socket.gethostname()
    store = _store(host, 0, ours=True)
    environment = {MEETING: f"{host}:{store.port}", "LOCAL_WORLD_SIZE": str(of_node)}
    asked = [f"--nodes={nodes}", f"--ntasks={number}", f"--ntasks-per-node={of_node}"]
    if gpus:
        asked.append(f"--gpus-per-node={of_node}")
    # Each may use all cores of the job; and the others wait for the first, which writes.
    asked += ["--overlap", "--overcommit", "--cpu-bind=none", "--kill-on-bad-exit", "--wait=0"]
    command = ["srun", *asked, "--export=ALL", sys.executable, *sys.orig_argv[1:]]
    with subprocess.Popen(command, env=os.environ | environment) as srun:
        for asking in ENDING:  # of these srun hands on SIGUSR1 alone; others end all at once
            signal.signal(asking, lambda *_: srun.send_signal(signal.SIGUSR1))
        ended = srun.wait()
    raise SystemExit(ended if ended >= 0 else 128 - ended)
