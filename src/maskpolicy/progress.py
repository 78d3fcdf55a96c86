"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY = 20.0
"""Seconds between progress lines where there is no terminal to draw a bar on."""


@contextmanager
def step_progress(title: str, steps: int, done: int) -> Iterator[Callable[[str], None]]:
    """Yield `advance(shown)`, to be called once a step with what is to be seen of it.

    Of a resumed training `done` steps were taken before: it says so, and goes on from there. The
    last step always gets its line, so that a log says how a training ended.
    """
    if done == steps:
        print(f"{title}: is trained already", file=sys.stderr, flush=True)
    elif done:
        print(f"{title}: goes on after step {done:,} of {steps:,}", file=sys.stderr, flush=True)
    with _progress(title, steps, done) as advance:

        def step(shown: str) -> None:
            nonlocal done
            done += 1
            advance(1, shown, done == steps)

        yield step


@contextmanager
def work_progress(title: str, total: int, begun: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield `advance(done)`, to be called with how much of `total` was done since the last call.

    Of resumed work `begun` was done before. What is over before the first line is due leaves no
    line.
    """
    with _progress(title, total, begun) as advance:
        yield lambda done: advance(done, "", False)


class LossAndSpeed:
    """What most trainings show of a step: the loss, smoothed, and how fast tokens are read."""

    def __init__(self) -> None:
        self._loss: float | None = None
        self._tokens = 0
        self._started = monotonic()

    def after(self, loss: float, tokens: int) -> str:
        """The text after one more step, with this loss and so many tokens."""
        self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        self._tokens += tokens
        speed = self._tokens / (monotonic() - self._started)
        return f"loss {self._loss:.3f}  {speed:,.0f} tokens/s"


@contextmanager
def _progress(title: str, total: int, begun: int) -> Iterator[Callable[[int, str, bool], None]]:
    """Yield `advance(done since the last call, text beside the bar, a line whatever the time)`.

    Under Snakemake several stages share the standard error stream, where bars would overwrite each
    other: there a line is printed every 20 seconds.
    """
    if not sys.stderr.isatty():
        yield _lines(title, total, begun)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=begun, shown="")
        yield lambda done, shown, _: bar.update(task, advance=done, shown=shown)


def _lines(title: str, total: int, begun: int) -> Callable[[int, str, bool], None]:
    finished, started = begun, monotonic()
    last = started

    def advance(done: int, shown: str, due: bool) -> None:
        nonlocal finished, last
        finished += done
        now = monotonic()
        if due or now - last > LINE_EVERY:
            last = now
            share = finished / max(1, total)
            bar = ("━" * round(24 * share)).ljust(24, "╌")
            left = (now - started) * (total - finished) / max(1, finished - begun)
            time = f"{_clock(left)} left" if finished < total else f"in {_clock(now - started)}"
            text = shown or f"{finished:,} of {total:,}"
            print(f"{title:<34} {bar} {share:4.0%}  {time}  {text}", file=sys.stderr, flush=True)

    return advance


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds, as short as they can be: "0:07", "1:02:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
