"""How many examples of a task a model does not read whole; importing this loads nothing heavy."""

from collections.abc import Iterator
from decimal import Decimal

from maskpolicy.records import JsonRecord


class PartCuts(JsonRecord):
    """A part of the examples that is read: what it is cut to, and how many are longer."""

    part: str  # source, target, choice or input
    length: int  # tokens, special ones included
    examples: int  # that have it; of choices how many there are
    cut: int


class TaskCuts(JsonRecord):
    """The cuts of a task, all splits together, as one model reads it."""

    task: str
    parts: tuple[PartCuts, ...]

    def sentences(self) -> Iterator[str]:
        """A sentence for each part of which any is cut."""
        for part in self.parts:
            if part.cut:
                # Through Decimal, which writes two digits without an exponent: 100, not 1e+02.
                share = Decimal(f"{100 * part.cut / part.examples:.2g}")
                yield (
                    f"{self.task}: {share:f} % of the {part.part}s are longer than"
                    f" {part.length} tokens and cut there."
                )
