"""What meta-training shows of itself, and whether it has collapsed."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from maskpolicy.drawing.learning_curve import Curve, draw_learning_curve
from maskpolicy.errors import InputError
from maskpolicy.text_files import write_rows

NOTHING, EVERYTHING = 0.01, 0.95
"""A policy that masks less or more than these shares of the tokens has collapsed, ..."""

PATIENCE = 50
"""... once it has done so in so many steps in a row."""


class PolicyCollapsed(InputError):
    """The policy masks nothing, or everything, and does not recover."""


@dataclass(frozen=True)
class Step:
    """One outer step: share of tokens masked, losses in nats per token, penalty in tokens².

    penalty: the regulariser of eq. 7 (Ye et al. 2021), before beta.
    """

    mask_rate: float
    meta_loss: float
    penalty: float
    pretrain_loss: float
    finetune_loss: float

    def shown(self) -> str:
        """What is to be seen of it while the training runs."""
        return (
            f"masked {self.mask_rate:.1%}  meta-loss {self.meta_loss:+.4f}"
            f"  penalty {self.penalty:.1f}"
        )


@dataclass(frozen=True)
class Evaluation:
    """The policy on dev after `step` steps; objective: meta-loss + beta * penalty (eq. 8)."""

    step: int
    mask_rate: float
    meta_loss: float
    penalty: float
    objective: float


@dataclass
class History:
    """Everything that a meta-training showed, in order."""

    steps: list[Step] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    @classmethod
    def from_facts(cls, facts: dict) -> "History":
        """The history that `asdict` described."""
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

    def write_log(self, path: Path) -> None:
        """Write the steps as CSV, with six digits."""
        rows = [
            {"step": f"{number}", **{name: f"{value:.6g}" for name, value in asdict(step).items()}}
            for number, step in enumerate(self.steps, 1)
        ]
        write_rows(path, ["step", *Step.__dataclass_fields__], rows)

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
