"""When jobs would end: list scheduling on so many cores and GPUs, and the longest chain."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from maskpolicy.errors import InputError, counted


@dataclass(frozen=True)
class Task:
    """A job to be scheduled: its seconds, what it takes while it runs, what it waits for."""

    seconds: float
    after: tuple[int, ...] = ()  # numbers of tasks
    gpus: int = 0
    cores: int = 1  # of one that is not on a GPU


@dataclass(frozen=True)
class Machines:
    """What jobs have between them: each takes cores, or GPUs and no core of these."""

    cores: int
    gpus: int = 0


def machine_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def remaining(tasks: Sequence[Task]) -> list[float]:
    """Seconds from the start of each task to the end of all that waits for it, on machines enough.

    Raises ValueError where tasks wait for each other.
    """
    waiting = _waiting(tasks)
    seconds = [0.0] * len(tasks)
    for number in reversed(_in_order(tasks, waiting)):
        after = max((seconds[other] for other in waiting[number]), default=0.0)
        seconds[number] = tasks[number].seconds + after
    return seconds


def longest_chain(tasks: Sequence[Task]) -> list[int]:
    """The tasks, one after the other, that take longest on machines enough."""
    if not tasks:
        return []
    seconds, waiting = remaining(tasks), _waiting(tasks)
    chain = [max(range(len(tasks)), key=seconds.__getitem__)]
    while waiting[chain[-1]]:
        chain.append(max(waiting[chain[-1]], key=seconds.__getitem__))
    return chain


def wall_time(tasks: Sequence[Task], machines: Machines) -> float:
    """Seconds until all have ended where free machines take the task with the longest rest.

    Raises InputError where a task wants more GPUs than there are.
    """
    if (wanted := max((task.gpus for task in tasks), default=0)) > machines.gpus:
        raise InputError(f"a job wants {counted(wanted, 'GPU')}, and there are {machines.gpus}")
    rest, waiting = remaining(tasks), _waiting(tasks)
    takes = [task.gpus or min(task.cores, machines.cores) for task in tasks]
    open_inputs = [len(set(task.after)) for task in tasks]
    ready: dict[bool, list[tuple[float, int]]] = {False: [], True: []}  # by whether on a GPU
    free = {False: machines.cores, True: machines.gpus}
    running: list[tuple[float, int]] = []
    now = 0.0
    for number, inputs in enumerate(open_inputs):
        if not inputs:
            heappush(ready[tasks[number].gpus > 0], (-rest[number], number))
    while True:
        for gpu, queue in ready.items():
            too_large = []
            while queue and free[gpu]:
                task = heappop(queue)
                number = task[1]
                if takes[number] > free[gpu]:
                    too_large.append(task)
                    continue
                free[gpu] -= takes[number]
                heappush(running, (now + tasks[number].seconds, number))
            for task in too_large:
                heappush(queue, task)
        if not running:
            return now
        now, number = heappop(running)
        free[tasks[number].gpus > 0] += takes[number]
        for other in waiting[number]:
            open_inputs[other] -= 1
            if not open_inputs[other]:
                heappush(ready[tasks[other].gpus > 0], (-rest[other], other))


def _waiting(tasks: Sequence[Task]) -> list[list[int]]:
    """Of each task, those that wait for it."""
    waiting: list[list[int]] = [[] for _ in tasks]
    for number, task in enumerate(tasks):
        for other in set(task.after):
            waiting[other].append(number)
    return waiting


def _in_order(tasks: Sequence[Task], waiting: Sequence[Sequence[int]]) -> list[int]:
    """The tasks, each after those that it waits for."""
    open_inputs = [len(set(task.after)) for task in tasks]
    order = [number for number, inputs in enumerate(open_inputs) if not inputs]
    for number in order:
        for other in waiting[number]:
            open_inputs[other] -= 1
            if not open_inputs[other]:
                order.append(other)
    if len(order) < len(tasks):
        raise ValueError("tasks wait for each other")
    return order
