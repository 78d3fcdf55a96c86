"""What a result table says, in words and rounded figures, before any format's syntax."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten

from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.decisions.budgets import Budget
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.records import JsonRecord
from maskpolicy.reporting import text
from maskpolicy.statistics.significance import (
    ArmScores,
    Column,
    Comparison,
    Flat,
    Shade,
    Significance,
)
from maskpolicy.tasks.cuts import TaskCuts
from maskpolicy.tasks.majority import Majority

FORMATS = ("md", "html", "tex", "csv", "json", "svg", "png")
"""Suffixes of the files of a result table."""

MAJORITY = "(majority)"
"""The row of what the commonest answer scores; arms can't have this name."""

PaperFigure = tuple[float, float | None]
"""Mean and standard deviation as a paper prints them: times 100."""


class ResultTable(JsonRecord):
    """Everything a result table holds; it is the table's JSON format. Scores are not times 100."""

    name: str
    caption: str
    significance: Significance
    budgets: dict[str, Budget]  # arm -> budget
    cuts: list[TaskCuts]  # of each task
    majority: dict[str, Majority]  # task -> what its commonest answer scores
    finetuning: dict[str, str]  # task -> name of the record of its fine-tuning
    paper: dict[str, dict[str, dict[str, PaperFigure]]]  # arm -> task -> metric -> figure

    def paper_figure(self, arm: str, column: Column) -> PaperFigure | None:
        """The published figure of an arm, where there is one."""
        return self.paper.get(arm, {}).get(column.task, {}).get(column.metric)


@dataclass(frozen=True)
class ColumnView:
    """The head of a column of scores; with `paper`, a column of published figures follows it."""

    title: str
    paper: bool
    column: Column


@dataclass(frozen=True)
class ScoreCell:
    """One score as printed; `paper` is the published figure, None where its column shows none."""

    text: str
    shade: Shade
    remark: str  # its difference from the best, and p
    paper: str | None


@dataclass(frozen=True)
class ArmView:
    """One row of the table."""

    name: str
    description: str
    cells: list[ScoreCell]
    masked: str
    runs: str
    budget: Budget | None


@dataclass(frozen=True)
class ComparisonGroup:
    """The comparisons of a column against one kind of other arm."""

    title: str
    comparisons: list[Comparison]


class TableView:
    """The rows, columns and notes of a result table."""

    def __init__(self, table: ResultTable) -> None:
        self.table = table
        self.significance = table.significance

    @property
    def title(self) -> str:
        """The caption, or the name where there is none."""
        return self.table.caption or self.table.name

    @cached_property
    def columns(self) -> list[ColumnView]:
        """The columns of scores."""
        return [
            ColumnView(
                f"{column.task} {find_metric(column.metric).label}",
                any(self.table.paper_figure(arm.arm, column) for arm in column.arms),
                column,
            )
            for column in self.significance.columns
        ]

    @cached_property
    def arms(self) -> list[ArmView]:
        """The rows, in the order of the study."""
        rows = []
        for i, arm in enumerate(self.significance.columns[0].arms):
            budget = self.table.budgets.get(arm.arm)
            rows.append(
                ArmView(
                    arm.arm,
                    _describe(arm.arm),
                    [self._cell(head, head.column.arms[i]) for head in self.columns],
                    text.percent_text(budget.rate) if budget else text.ABSENT,
                    str(self.runs),
                    budget,
                )
            )
        return rows

    @property
    def rows(self) -> list[ArmView]:
        """The arms, and below them what a model scores that has learnt one answer."""
        cells = [
            ScoreCell(
                text.score_text(self.majority_score(head), None),
                "none",
                "",
                text.ABSENT if head.paper else None,
            )
            for head in self.columns
        ]
        about = "always the commonest answer of train"
        return [*self.arms, ArmView(MAJORITY, about, cells, text.ABSENT, text.ABSENT, None)]

    def majority_score(self, head: ColumnView) -> float:
        """What the commonest answer scores in a column."""
        return self.table.majority[head.column.task].metrics[head.column.metric]

    @property
    def runs(self) -> int:
        """Runs of each arm."""
        return len(self.significance.seeds)

    @property
    def with_paper(self) -> bool:
        """Whether any published figure is shown."""
        return any(head.paper for head in self.columns)

    @property
    def other_formats(self) -> list[str]:
        """The files beside the page."""
        return [suffix for suffix in FORMATS if suffix != "html"]

    def comparisons(self, column: Column) -> Iterator[ComparisonGroup]:
        """The tests of a column: against the best arm, against no policy, against own controls."""
        groups = [
            (f"Against {column.best}, the best", lambda c: c.other == column.best),
            ("Against its matched-budget control", lambda c: c.other == c.arm + CONTROL),
        ]
        if column.best != NO_POLICY:
            groups.insert(1, (f"Against {NO_POLICY}", lambda c: c.other == NO_POLICY))
        for title, belongs in groups:
            found = [comparison for comparison in column.comparisons if belongs(comparison)]
            if found:
                yield ComparisonGroup(title, found)

    # Notes: whole sentences, the same in every format.

    @property
    def rule(self) -> str:
        """When an arm counts as not significantly worse."""
        return f"p > {self.significance.threshold}, two-sided paired t-test over runs, uncorrected"

    @property
    def marked(self) -> bool:
        """Whether the best arm of any column is."""
        return any(arm.shade == "dark" for head in self.columns for arm in head.column.arms)

    @property
    def tested(self) -> bool:
        """Whether an arm could be marked as not significantly worse than the best."""
        return self.marked and any(column.comparisons for column in self.significance.columns)

    def legend(self, best: str, close: str) -> Iterator[str]:
        """What marks in the table mean, of those that it can have; `best` and `close` name them."""
        if self.marked:
            yield f"{best}: best mean."
        if self.tested:
            yield f"{close}: not significantly worse than the best ({self.rule})."

    @property
    def notes(self) -> list[str]:
        """What the scores are, on how many examples, and what they do not say."""
        return [
            self._spread,
            self._tested_on,
            *self._caveats,
            *self.warnings,
            *(sentence for cuts in self.table.cuts for sentence in cuts.sentences()),
            "Masked: share of the corpus's tokens that the arm's decisions mask.",
            self._majority,
            *(
                ["Paper: the published figure, for the paper's own model and data."]
                if self.with_paper
                else []
            ),
        ]

    @property
    def warnings(self) -> list[str]:
        """Why figures may not be what they seem; each names what it is about."""
        return [*self._edges, *self._nothing_learnt]

    @property
    def confidence(self) -> str:
        """Coverage of the intervals."""
        return f"{100 * self.significance.confidence:.0f} %"

    @property
    def picture_note(self) -> str:
        """How to read the picture."""
        return (
            f"Disc: mean, filled as in the table. Bar: {self.confidence} t interval of the mean."
            f" Small dots: single runs. Dashed line: mean of the arm {NO_POLICY}."
            f" Dotted line: {MAJORITY}, where it is near."
        )

    @property
    def comparison_note(self) -> str:
        """How the comparisons were made."""
        return (
            f"Differences (×100) with {self.confidence} t interval."
            " p (runs): two-sided paired t-test over runs."
            " p (examples): approximate randomisation: the two arms exchange their predictions of"
            " random test examples, in all runs alike, and the mean score over runs is computed"
            f" anew, {self.significance.randomisations:,} rounds. Both uncorrected."
        )

    @property
    def budget_note(self) -> str:
        """What the budgets count."""
        return (
            "Counted over all rows, epochs and shards. Tokens and insertions (masks where no token"
            " was removed) per row that was not dropped; dropped rows have no decision and so give"
            " no training example."
        )

    @property
    def remarks(self) -> list[str]:
        """What single comparisons need said beside their p-value."""
        return [
            f"{comparison.arm} against {comparison.other} on {head.title}: {comparison.note}."
            for head in self.columns
            for comparison in head.column.comparisons
            if comparison.note and not head.column.flat
        ]

    @property
    def signatures(self) -> list[str]:
        """How the scores are made."""
        return list(dict.fromkeys(column.signature for column in self.significance.columns))

    @property
    def _spread(self) -> str:
        if self.runs < 2:
            return "Scores ×100 of one run of each arm."
        pretraining = dict.fromkeys(seed.pretraining for seed in self.significance.seeds)
        finetuning = dict.fromkeys(seed.finetuning for seed in self.significance.seeds)
        return (
            f"Mean ± standard deviation (×100) over {self.runs} runs of each arm: fine-tuning"
            f" {_seeds(finetuning)}, pre-training {_seeds(pretraining)}."
        )

    @property
    def _tested_on(self) -> str:
        counts = {
            column.task: f"{column.examples:,} {column.split} examples of {column.task}"
            for column in self.significance.columns
        }
        return f"Scored on {text.listed(counts.values())}."

    @property
    def _caveats(self) -> Iterator[str]:
        if self.runs < 2:
            yield "One run: no test."
        elif len({seed.pretraining for seed in self.significance.seeds}) == 1:
            yield (
                "All runs of an arm start from one pre-trained checkpoint: spread and p-values"
                " cover fine-tuning only."
            )
        else:
            if len({seed.finetuning for seed in self.significance.seeds}) > 1:
                yield (
                    "Runs that share a pre-trained checkpoint count as independent, which makes the"
                    " t-test too optimistic."
                )
            yield (
                "Masks, and the networks that policies decide with, are of one seed in all runs:"
                " spread and p-values do not cover them."
            )

    @property
    def _edges(self) -> Iterator[str]:
        """Which arms chose the first or last of what was searched, nothing else as good."""
        columns = {column.task: column for column in self.significance.columns}
        for task, column in columns.items():
            rates = {
                arm.arm: [rate for rate in arm.learning_rates if rate not in arm.tied_rates]
                for arm in column.arms
            }
            yield from self._edges_of(task, "learning_rate", column.grid, rates)
            for searched in column.searched:
                yield from self._edges_of(task, searched.axis, searched.grid, searched.chosen)

    def _edges_of(
        self,
        task: str,
        axis: str,
        grid: Sequence[float],
        chosen: Mapping[str, Sequence[float]],
    ) -> Iterator[str]:
        if len(grid) < 2:
            return
        title, key = _AXES[axis]
        for side, edge in (("smallest", grid[0]), ("largest", grid[-1])):
            arms = [arm for arm, values in chosen.items() if edge in values]
            if arms:
                chose = "all arms" if len(arms) == len(chosen) else text.listed(arms)
                yield (
                    f"{title} at the edge of the grid: on {task}, {chose}"
                    f" chose {edge:g}, the {side} of"
                    f" {text.listed(f'{each:g}' for each in grid)}. The best one may lie"
                    f" beyond: widen finetuning.{self.table.finetuning[task]}.{key}."
                )

    @property
    def _nothing_learnt(self) -> Iterator[str]:
        for head in self.columns:
            if head.column.flat:
                yield f"No arm is marked on {head.title}: {_FLAT[head.column.flat]}."
        columns = {column.task: column for column in self.significance.columns}
        for task, column in columns.items():
            if column.flat in ("empty", "constant"):
                continue
            for says, is_meant in _ONE_PREDICTION.items():
                runs = {arm.arm: sum(map(is_meant, arm.only_predictions)) for arm in column.arms}
                arms = [f"{arm} ({n} of {self.runs} runs)" for arm, n in runs.items() if n]
                if arms:
                    yield f"Nothing learnt on {task}: {says} with {text.listed(arms)}."

    @property
    def _majority(self) -> str:
        answers = (
            f"{shorten(majority.answer, 40, placeholder=' …')!r} on {task}"
            f" ({text.percent_text(majority.share)} of train)"
            for task, majority in self.table.majority.items()
        )
        return (
            f"{MAJORITY}: always the commonest answer of train, {text.listed(answers)};"
            " for comparison, in no test."
        )

    def _cell(self, head: ColumnView, arm: ArmScores) -> ScoreCell:
        column = head.column
        paper = self.table.paper_figure(arm.arm, column)
        against_best = column.comparison(arm.arm, column.best)
        remark = "" if column.flat else "best"
        if against_best is not None:
            remark = (
                f"{text.difference_text(against_best.difference)},"
                f" p {text.p_relation(against_best.p)}"
            )
        return ScoreCell(
            text.score_text(arm.mean, arm.std),
            arm.shade,
            remark,
            (text.points_text(*paper) if paper else text.ABSENT) if head.paper else None,
        )


_AXES = {
    "learning_rate": ("Learning rate", "learning_rates"),
    "steps": ("Steps", "steps"),
    "batch_size": ("Batch size", "batch_sizes"),
}
"""What a search varies -> what it is called, and its key in a configuration."""

_FLAT: dict[Flat, str] = {
    "empty": "all predictions are empty",
    "constant": "every run predicts one class or answer for all examples",
    "equal": "all runs score the same",
}

_ONE_PREDICTION: dict[str, Callable[[str | None], bool]] = {
    "all predictions are empty": lambda only: only == "",
    "one class or answer is predicted for all examples": lambda only: bool(only),
}


def _seeds(seeds: dict[int, None]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {text.listed(seeds)}"


def _describe(arm: str) -> str:
    if arm == NO_POLICY:
        return "no intermediate pre-training"
    if arm.endswith(CONTROL):
        return f"as many tokens as {policy_of(arm)}, at random places"
    return ""
