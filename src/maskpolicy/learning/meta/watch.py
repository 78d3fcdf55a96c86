"""What meta-training shows of itself: its record, its progress, and whether it has collapsed."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import StringIO
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maskpolicy.drawing.learning_curve import Curve, draw_learning_curve
from maskpolicy.errors import InputError
from maskpolicy.progress import LINE_EVERY

NOTHING, EVERYTHING = 0.01, 0.95
"""A policy that masks less or more than these shares of the tokens has collapsed, ..."""

PATIENCE = 50
"""... once it has done so in so many steps in a row."""


class PolicyCollapsed(InputError):
    """The policy masks nothing, or everything, and does not recover."""


@dataclass(frozen=True)
class Step:
    """One outer step: share of tokens masked, losses in nats per token, penalty in tokens².

    penalty: the regulariser of eq. 7, before beta.
    """

    mask_rate: float
    meta_loss: float
    penalty: float
    pretrain_loss: float
    finetune_loss: float


@dataclass(frozen=True)
class Evaluation:
    """The policy on dev after `step` steps; objective: meta-loss + beta * penalty (eq. 8)."""

    step: int
    mask_rate: float
    meta_loss: float
    penalty: float
    objective: float


@dataclass
class Record:
    """Everything that a meta-training showed, in order."""

    steps: list[Step] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    @classmethod
    def from_facts(cls, facts: dict) -> "Record":
        """The record that `asdict` described."""
        return cls(
            [Step(**step) for step in facts["steps"]],
            [Evaluation(**evaluation) for evaluation in facts["evaluations"]],
        )

    def best(self) -> Evaluation:
        """The evaluation with the lowest objective, the first of equals; step 0 does not count."""
        return min((e for e in self.evaluations if e.step), key=lambda e: e.objective)

    def check_collapse(self, title: str) -> None:
        """Raise PolicyCollapsed when the last PATIENCE steps masked nothing, or everything."""
        rates = [step.mask_rate for step in self.steps[-PATIENCE:]]
        if len(rates) == PATIENCE and all(r < NOTHING or r > EVERYTHING for r in rates):
            raise PolicyCollapsed(
                f"{title}: the policy has collapsed: in the last {PATIENCE} steps up to step"
                f" {len(self.steps)} it masked {min(rates):.1%} to {max(rates):.1%} of the tokens"
                f" (meta-loss {self.steps[-1].meta_loss:.2g},"
                f" penalty {self.steps[-1].penalty:.3g});"
                " raise `penalty` or lower `learning_rate`"
            )

    def log(self) -> str:
        """The steps as CSV."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["step", *Step.__dataclass_fields__])
        for number, step in enumerate(self.steps, 1):
            writer.writerow([number, *(f"{value:.6g}" for value in asdict(step).values())])
        return text.getvalue()

    def learning_curve(self) -> str:
        """Mask rate, meta-loss and penalty against steps, as SVG; of steps, means of hundredths."""

        def train(quantity: str) -> Curve:
            width = max(1, len(self.steps) // 100)
            parts = [self.steps[i : i + width] for i in range(0, len(self.steps), width)]
            ends = [min(len(self.steps), i + width) for i in range(0, len(self.steps), width)]
            means = [sum(getattr(step, quantity) for step in part) / len(part) for part in parts]
            return list(zip(ends, means, strict=True))

        panels = {
            label: {
                "train": train(quantity),
                "dev": [(e.step, getattr(e, quantity)) for e in self.evaluations],
            }
            for quantity, label in (
                ("mask_rate", "share masked"),
                ("meta_loss", "meta-loss (nats per token)"),
                ("penalty", "penalty (tokens²)"),
            )
        }
        return draw_learning_curve(panels, "step", self.best().step)


@contextmanager
def meta_progress(title: str, steps: int) -> Iterator[Callable[[Step], None]]:
    """Yield `advance(step)`: a bar on a terminal, a line every 20 seconds in a log."""
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=steps, shown="")
            yield lambda step: bar.update(task, advance=1, shown=_shown(step))
        return
    done, last = 0, monotonic()

    def advance(step: Step) -> None:
        nonlocal done, last
        done += 1
        if monotonic() - last > LINE_EVERY or done == steps:
            last = monotonic()
            print(f"{title:<34} {done:,} of {steps:,}  {_shown(step)}", file=sys.stderr, flush=True)

    yield advance


def _shown(step: Step) -> str:
    return (
        f"masked {step.mask_rate:.1%}  meta-loss {step.meta_loss:+.4f}  penalty {step.penalty:.1f}"
    )
