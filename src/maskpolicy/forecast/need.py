"""What a job needs, and what it asks a cluster for."""

from dataclasses import dataclass, replace
from math import ceil

MB = 1e6

SAFETY = 2
"""Times the forecast that a job asks for: forecasts of whole rules were right within that."""

SPARE_MINUTES = 10
"""Of every job: its start on a busy node."""

LONGEST_MINUTES = 2 * 24 * 60
"""That a job asks for which goes on where it was stopped; the rest is for its next attempts. Most
partitions grant two days, and what is beyond their limit waits for ever, unsaid.
"""


@dataclass(frozen=True)
class Need:
    """What a job needs: seconds, MB of memory and of the GPU's where networks are on one, and MB of
    disk that its result takes.
    """

    seconds: float
    memory: float
    disk: float = 0.0
    gpu_memory: float = 0.0
    shared: float = 0.0  # of the seconds, those that several processes share between them
    resumes: bool = False  # whether an interrupted one goes on where it was

    @property
    def on_gpu(self) -> bool:
        """Whether its networks are on a GPU."""
        return self.gpu_memory > 0

    def on(self, processes: int) -> "Need":
        """What it needs with so many processes, where they share its work."""
        if not self.shared or processes == 1:
            return self
        seconds = self.seconds - self.shared + self.shared / processes
        return replace(self, seconds=seconds, memory=self.memory * processes, shared=0.0)


def asked_memory(need: Need, attempt: int = 1) -> int:
    """MB that a job asks a cluster for; twice that in attempts after one that failed, and no more:
    it may be the time that was short, many times.
    """
    return min(attempt, 2) * ceil(SAFETY * need.memory)


def asked_minutes(need: Need, attempt: int = 1) -> int:
    """Minutes that a job asks a cluster for: LONGEST_MINUTES at most, and the same in each attempt,
    where it goes on where the one before was stopped. Else a later attempt asks for more.
    """
    minutes = SPARE_MINUTES + ceil(SAFETY * need.seconds / 60)
    return min(minutes, LONGEST_MINUTES) if need.resumes else attempt * minutes


def attempts_needed(need: Need) -> int:
    """In how many of the times that it asks for a job ends; 1 where it does not go on."""
    minutes = SAFETY * need.seconds / 60
    return max(1, ceil(minutes / (LONGEST_MINUTES - SPARE_MINUTES))) if need.resumes else 1
