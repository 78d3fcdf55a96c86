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
def training_progress(title: str, steps: int) -> Iterator[Callable[[float, float], None]]:
    """Yield `advance(loss, tokens_per_second)`, to be called once a step.

    Draws a bar on a terminal. Under Snakemake several trainings share the standard error stream,
    where
    bars would overwrite each other: there it prints a line every 20 seconds.
    """
    if not sys.stderr.isatty():
        yield _log_lines(title, steps)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=steps, loss=float("nan"), speed=0.0)
        yield lambda loss, speed: bar.update(task, advance=1, loss=loss, speed=speed)


@contextmanager
def work_progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield `advance(done)`, to be called with how much of `total` was done since the last call.

    A bar on a terminal, a line every 20 seconds elsewhere.
    """
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.advance(task, done)
        return
    finished, last = 0, monotonic()

    def advance(done: int) -> None:
        nonlocal finished, last
        finished += done
        if monotonic() - last > LINE_EVERY:
            last = monotonic()
            print(f"{title:<34} {finished:,} of {total:,}", file=sys.stderr, flush=True)

    yield advance


def _log_lines(title: str, steps: int) -> Callable[[float, float], None]:
    done = 0
    smooth = 0.0
    last = monotonic()

    def advance(loss: float, speed: float) -> None:
        nonlocal done, smooth, last
        done += 1
        smooth = loss if done == 1 else 0.98 * smooth + 0.02 * loss
        if monotonic() - last > LINE_EVERY or done == steps:
            last = monotonic()
            share = done / steps
            bar = ("━" * round(24 * share)).ljust(24, "╌")
            print(
                f"{title:<34} {bar} {share:4.0%}  loss {smooth:.3f}  {speed:,.0f} tokens/s",
                file=sys.stderr,
                flush=True,
            )

    return advance
