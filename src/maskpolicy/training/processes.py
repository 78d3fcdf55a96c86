"""Several processes that train one model, as torchrun starts them on a machine and Slurm's srun on
several nodes, or one.

Each reads its share of the rows of every step, and adds up its gradient with those of the others.
The first one writes. Importing this module loads nothing heavy.
"""

import os
import signal
import socket
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

A_NODE_HAS = "MASKPOLICY_PROCESSES_OF_NODE"
"""Variable of the environment of processes that srun started: how many of them each node has."""


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
    if not _started():
        yield ALONE
        return
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    if sys.platform == "linux":  # else they would outlive a torchrun that is killed
        CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if A_NODE_HAS in os.environ:
        _name_as_torchrun_does()
    store, rank, size = next(rendezvous("env://"))
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
        if not _first_to_fail(store):  # it misses the one that has said why
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


def _first_to_fail(store: Any) -> bool:
    """Of those that failed. What torchrun started asks torchrun, else the first process counts."""
    try:
        return store.add("failed", 1) == 1
    except RuntimeError:  # the first is gone
        return False


def _started() -> bool:
    """By torchrun or srun: some clusters set WORLD_SIZE where nothing was started."""
    return "TORCHELASTIC_RUN_ID" in os.environ or A_NODE_HAS in os.environ


def _name_as_torchrun_does() -> None:
    """Say which process this is, of those that srun started, in the variables of torchrun."""
    os.environ["RANK"] = os.environ["SLURM_PROCID"]
    os.environ["LOCAL_RANK"] = os.environ["SLURM_LOCALID"]
    os.environ["LOCAL_WORLD_SIZE"] = os.environ[A_NODE_HAS]


def start_processes(number: int, nodes: int = 1) -> None:
    """Run this command as so many processes, and end when they have: of this machine, or as many
    on each of the `nodes` that Slurm gave this job. For one, and in one that was started so,
    nothing happens. Raises InputError where they can't be started.
    """
    if _started():
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
    """srun takes the place of this process, which is on the first node: there they find each other.
    It ends all where one ends early; Slurm's signals reach each of them, and its own all.
    """
    of_node, left = divmod(number, nodes)
    if left:
        raise InputError(
            f"{number} processes, a GPU each, are not as many on each of {nodes} nodes"
        )
    if "SLURM_JOB_ID" not in os.environ or which("srun") is None:
        raise InputError(
            f"`nodes: {nodes}`: srun starts several, in a job of Slurm, and this is none"
        )
    with socket.create_server(("", 0)) as free:
        os.environ["MASTER_PORT"] = str(free.getsockname()[1])
    os.environ["MASTER_ADDR"] = socket.gethostname()
    os.environ["WORLD_SIZE"] = str(number)
    os.environ[A_NODE_HAS] = str(of_node)
    asked = [f"--nodes={nodes}", f"--ntasks={number}", f"--ntasks-per-node={of_node}"]
    if gpus:
        asked.append(f"--gpus-per-node={of_node}")
    # All cores of the job for each; no end to waiting for the first one, which writes.
    asked += ["--overlap", "--overcommit", "--cpu-bind=none", "--kill-on-bad-exit", "--wait=0"]
    os.execvp("srun", ["srun", *asked, "--export=ALL", sys.executable, *sys.orig_argv[1:]])
