"""What a result table says, in words and rounded figures, before any format's syntax."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from statistics import fmean
from textwrap import shorten

from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.decisions.budgets import Budget
from maskpolicy.errors import counted
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.specs import PRINTED_AVERAGE, PaperFigure
from maskpolicy.records import JsonRecord
from maskpolicy.reporting import text, verdicts
from maskpolicy.reporting.specs import ShownBlock
from maskpolicy.statistics.aggregates import FEWEST
from maskpolicy.statistics.anova import THRESHOLDS, Stars
from maskpolicy.statistics.comparisons import Comparison
from maskpolicy.statistics.significance import (
    AVERAGE,
    ArmScores,
    Column,
    ComparedBlock,
    Flat,
    Shade,
    Significance,
)
from maskpolicy.tasks.cuts import TaskCuts
from maskpolicy.tasks.majority import Majority

FORMATS = ("md", "html", "tex", "csv", "comparisons.csv", "json", "svg", "png")
"""Suffixes of the files of a result table."""

MAJORITY = "(majority)"
"""The row of what the commonest answer scores; arms can't have this name."""


class ReportedBlock(JsonRecord):
    """What is known of the rows of one model beside their scores."""

    shown: ShownBlock
    budgets: dict[str, Budget]  # row -> budget
    cuts: list[TaskCuts]  # of each task


class ResultTable(JsonRecord):
    """Everything a result table holds; it is the table's JSON format. Scores are not times 100."""

    name: str
    caption: str
    significance: Significance
    blocks: list[ReportedBlock]  # as in `significance`
    majority: dict[str, Majority]  # task -> what its commonest answer scores
    finetuning: dict[str, str]  # task -> name of the record of its fine-tuning


@dataclass(frozen=True)
class ColumnView:
    """The head of a column of scores; with `paper`, a column of published figures follows it.

    `group` and `label` are the two parts of the title: the task and its metric.
    """

    title: str
    group: str
    label: str
    paper: bool
    columns: list[Column]  # of each block


@dataclass(frozen=True)
class ScoreCell:
    """One score as printed; `paper` is the published figure, None where its column shows none."""

    text: str
    shade: Shade
    remark: str  # its difference from the best, and p
    paper: str | None
    stars: Stars = ""


@dataclass(frozen=True)
class ArmView:
    """One row of the table."""

    name: str
    label: str
    description: str
    cells: list[ScoreCell]
    masked: str
    runs: str
    budget: Budget | None
    only_printed: bool = False


@dataclass(frozen=True)
class ComparisonGroup:
    """The comparisons of a column against one kind of other arm, which are called by labels."""

    title: str
    comparisons: list[Comparison]
    block: str = ""  # the heading of its rows, where there are several blocks

    @property
    def rows(self) -> list[list[str]]:
        """What is compared, and the figures below the heads of its column of the table."""
        clusters = any(each.p_clusters is not None for each in self.comparisons)
        return [
            [
                each.arm,
                text.difference_text(each.difference),
                text.interval_text(each.interval),
                text.interval_text(each.bootstrap.interval if each.bootstrap else None),
                text.p_text(each.p),
                text.p_text(each.p_holm),
                text.p_text(each.p_examples),
                *([text.p_text(each.p_clusters)] if clusters else []),
                text.effect_text(each.effect.g if each.effect else None),
            ]
            for each in self.comparisons
        ]


@dataclass(frozen=True)
class HeadGroup:
    """The columns of a task; `width` counts those of published figures too."""

    title: str
    width: int


class BlockView:
    """The rows of one model: what is tested among each other."""

    def __init__(self, reported: ReportedBlock, compared: ComparedBlock) -> None:
        self.reported = reported
        self.model = compared.model
        self.columns = compared.columns
        self.over_tasks = compared.over_tasks
        self.heading = reported.shown.heading
        self.labels = {row.name: row.label for row in reported.shown.rows}

    def paper_figure(self, row: str, column: Column) -> PaperFigure | None:
        """The published figure of a row, where there is one."""
        task = PRINTED_AVERAGE if column.task == AVERAGE else column.task
        return self.reported.shown.paper_figure(row, task, column.metric)

    def arms(self, heads: Sequence[ColumnView], runs: int) -> list[ArmView]:
        """The rows in their order, those that are only in print too."""
        tested = {arm.arm: i for i, arm in enumerate(self.columns[0].arms)}
        rows = []
        for row in self.reported.shown.rows:
            i, budget = tested.get(row.name), self.reported.budgets.get(row.name)
            cells = [
                self._cell(head.paper, column, row.name, None if i is None else column.arms[i])
                for head, column in zip(heads, self.columns, strict=True)
            ]
            policy = "" if i is None else self.columns[0].arms[i].policy
            about = "only in print" if i is None else _describe(policy)
            rows.append(
                ArmView(
                    name=row.name,
                    label=row.label,
                    description="; ".join(filter(None, (about, row.about))),
                    cells=cells,
                    masked=text.percent_text(budget.rate) if budget else text.ABSENT,
                    runs=text.ABSENT if i is None else str(runs),
                    budget=budget,
                    only_printed=i is None,
                )
            )
        return rows

    def comparisons(self, column: Column, baselines: Sequence[str]) -> Iterator[ComparisonGroup]:
        """The tests of a column: against the best arm, against no policy, against own controls, and
        against the baselines that the table names.
        """
        of_row = {arm.arm: (arm.policy, arm.stage) for arm in column.arms}
        own = {row: (policy + CONTROL, stage) for row, (policy, stage) in of_row.items()}
        nones = [row for row, (policy, _) in of_row.items() if policy == NO_POLICY]
        named = [row for row in baselines if row in of_row]
        against = {f"Against {self.labels[column.best]}, the best": [column.best]}
        for row in dict.fromkeys([*nones, "", *named]):
            if row != column.best:
                title = f"Against {self.labels[row]}" if row else _AGAINST_CONTROL
                against[title] = [row]
        for title, (other,) in against.items():
            found = [
                comparison
                for comparison in column.comparisons
                if (
                    comparison.other == other
                    if other
                    else of_row[comparison.other] == own[comparison.arm]
                )
            ]
            if found:
                yield ComparisonGroup(title, [self._called(each) for each in found])

    def _called(self, comparison: Comparison) -> Comparison:
        """A comparison whose arms are called as their rows are."""
        arms = {"arm": comparison.arm, "other": comparison.other}
        return comparison.model_copy(update={key: self.labels[arm] for key, arm in arms.items()})

    def _cell(self, paper: bool, column: Column, row: str, arm: ArmScores | None) -> ScoreCell:
        figure = self.paper_figure(row, column)
        printed = (text.points_text(*figure) if figure else text.ABSENT) if paper else None
        if arm is None:
            return ScoreCell(text.ABSENT, "none", "", printed)
        against_best = column.comparison(arm.arm, column.best)
        remark = "best" if arm.shade == "dark" else ""
        if against_best is not None:
            remark = (
                f"{text.difference_text(against_best.difference)},"
                f" p {text.p_relation(against_best.p)}"
            )
        return ScoreCell(
            text.score_text(arm.mean, arm.std),
            arm.shade,
            remark,
            printed,
            arm.anova.stars if arm.anova else "",
        )


class TableView:
    """The rows, columns and notes of a result table."""

    def __init__(self, table: ResultTable) -> None:
        self.table = table
        self.significance = table.significance
        pairs = zip(table.blocks, table.significance.blocks, strict=True)
        self.blocks = [BlockView(reported, compared) for reported, compared in pairs]

    @property
    def title(self) -> str:
        """The caption, or the name where there is none."""
        return self.table.caption or self.table.name

    @property
    def several(self) -> bool:
        """Whether rows stand in blocks."""
        return len(self.blocks) > 1

    @cached_property
    def columns(self) -> list[ColumnView]:
        """The columns of scores."""
        return [
            ColumnView(
                title=columns[0].title,
                group=columns[0].title if columns[0].task == AVERAGE else columns[0].task,
                label=columns[0].label,
                paper=any(
                    block.paper_figure(row, column)
                    for block, column in zip(self.blocks, columns, strict=True)
                    for row in block.labels
                ),
                columns=list(columns),
            )
            for columns in zip(*(block.columns for block in self.blocks), strict=True)
        ]

    @property
    def head_groups(self) -> list[HeadGroup]:
        """The tasks over the columns."""
        groups = groupby(self.columns, lambda head: head.group)
        return [HeadGroup(title, sum(1 + head.paper for head in heads)) for title, heads in groups]

    @property
    def width(self) -> int:
        """Columns of the table, the names of its rows and the last two included."""
        return 3 + sum(group.width for group in self.head_groups)

    def arms(self, block: BlockView) -> list[ArmView]:
        """The rows of a block."""
        return block.arms(self.columns, self.runs)

    @property
    def rows(self) -> list[str | ArmView]:
        """The arms, those of several blocks below a heading each; the majority comes after them."""
        rows: list[str | ArmView] = []
        for block in self.blocks:
            rows += [*([block.heading] if self.several else []), *self.arms(block)]
        return rows

    @property
    def models(self) -> list[str]:
        """The models, once each."""
        return list(dict.fromkeys(block.model for block in self.blocks))

    @property
    def budgets(self) -> list[tuple[str, ArmView, Budget]]:
        """What each arm masked, where it did: what it is called, its row and its budget."""
        return [
            (self.called(block, arm.name), arm, arm.budget)
            for block in self.blocks
            for arm in self.arms(block)
            if arm.budget
        ]

    @property
    def counted(self) -> int:
        """Arms of which there are runs."""
        return sum(len(block.columns[0].arms) for block in self.blocks)

    @property
    def majority_row(self) -> ArmView:
        """Below the arms: what a model scores that has learnt one answer."""
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
        return ArmView(MAJORITY, MAJORITY, about, cells, text.ABSENT, text.ABSENT, None)

    def majority_score(self, head: ColumnView) -> float:
        """What the commonest answer scores in a column."""
        column = head.columns[0]
        if column.task != AVERAGE:
            return self.table.majority[column.task].metrics[column.metric]
        firsts = {each.columns[0].task: each for each in reversed(self.columns)}
        del firsts[AVERAGE]
        return fmean(map(self.majority_score, firsts.values()))

    def called(self, block: BlockView, row: str) -> str:
        """What a row is called in a sentence."""
        label = block.labels[row]
        return f"{label} ({block.heading})" if self.several else label

    @property
    def runs(self) -> int:
        """Runs of each arm."""
        return len(self.significance.seeds)

    @property
    def independent(self) -> int:
        """Pre-training seeds, where there are several, or else runs."""
        pretraining = {seed.pretraining for seed in self.significance.seeds}
        return len(pretraining) if len(pretraining) > 1 else self.runs

    @property
    def with_paper(self) -> bool:
        """Whether any published figure is shown."""
        return any(head.paper for head in self.columns)

    @property
    def other_formats(self) -> list[str]:
        """The files beside the page."""
        return [suffix for suffix in FORMATS if suffix != "html"]

    def comparison_heads(self, head: ColumnView) -> list[str]:
        """What stands over the figures of comparisons in a column."""
        clustered = any(column.clusters for column in head.columns)
        return [
            *("difference", f"{self.confidence} interval", "multi-bootstrap"),
            *("p (runs)", "p (Holm)", "p (examples)"),
            *(["p (clusters)"] if clustered else []),
            "effect g",
        ]

    def verdicts(self, head: ColumnView) -> Iterator[str]:
        """What the comparisons of a column say, one block after another."""
        for block, column in zip(self.blocks, head.columns, strict=True):
            if column.flat:
                continue
            of = f"{block.heading}: " if self.several else ""
            told = verdicts.verdicts(
                [block._called(each) for each in column.comparisons], self.independent
            )
            yield from (of + sentence for sentence in told)

    def told(self, head: ColumnView) -> Iterator[str]:
        """All that is said of the comparisons of a column: the verdicts, and what stands beside."""
        yield from self.verdicts(head)
        yield from self._dunnett(head)

    def _dunnett(self, head: ColumnView) -> Iterator[str]:
        """Of a column, which arms differ from one that all are compared with, for all of them
        together: what papers print beside the verdicts, which don't rest on it.
        """
        for block, column in zip(self.blocks, head.columns, strict=True):
            if column.flat:
                continue
            of = f"{block.heading}: " if self.several else ""
            ps: dict[str, list[tuple[str, float]]] = defaultdict(list)
            for each in column.comparisons:
                if each.p_dunnett is not None:
                    ps[each.other].append((block.labels[each.arm], each.p_dunnett))
            for other, of_arms in ps.items():
                yield of + verdicts.dunnett(block.labels[other], of_arms)

    def over_tasks(self) -> Iterator[tuple[str, list[list[str]]]]:
        """The arms over all tasks, one block after another: its heading, and rows of figures."""
        for block in self.blocks:
            rows = [
                [
                    block.labels[arm.arm],
                    text.aggregate_text(arm.interquartile_mean, 100),
                    text.listed(
                        f"{block.labels[other]} {text.aggregate_text(chance)}"
                        for other, chance in arm.improves_on.items()
                    )
                    or text.ABSENT,
                ]
                for arm in block.over_tasks
            ]
            if rows:
                yield block.heading if self.several else "", rows

    def comparisons(self, head: ColumnView) -> Iterator[ComparisonGroup]:
        """The tests of a column, one block after another."""
        for block, column in zip(self.blocks, head.columns, strict=True):
            for group in block.comparisons(column, self.significance.baselines):
                yield replace(group, block=block.heading if self.several else "")

    def against(self) -> Iterator[tuple[str, list[tuple[str, list[str]]]]]:
        """The tests against the baselines that the table names, in short: titles and their rows, of
        a label and a difference with its p over runs for each column.
        """
        for baseline in self.significance.baselines:
            for block in self.blocks:
                rows = {
                    arm.arm: [column.comparison(arm.arm, baseline) for column in block.columns]
                    for arm in block.columns[0].arms
                }
                tested = [
                    (block.labels[arm], [_short(cell) if cell else text.ABSENT for cell in cells])
                    for arm, cells in rows.items()
                    if any(cells)
                ]
                if tested:
                    yield f"against {self.called(block, baseline)}", tested

    # Notes: whole sentences, the same in every format.

    @property
    def rule(self) -> str:
        """When an arm counts as not significantly worse."""
        return (
            f"p > {self.significance.threshold}, two-sided paired t-test over runs, uncorrected:"
            " the shading of Ye et al. 2021"
        )

    @property
    def marked(self) -> bool:
        """Whether the best arm of any column is."""
        return any(arm.shade == "dark" for column in self._all_columns for arm in column.arms)

    @property
    def tested(self) -> bool:
        """Whether an arm could be marked as not significantly worse than the best."""
        return self.marked and self.compared

    @property
    def compared(self) -> bool:
        """Whether any two arms are: of one run each, and of a single arm, nothing is."""
        return any(column.comparisons for column in self._all_columns)

    @property
    def _all_columns(self) -> Iterator[Column]:
        return (column for block in self.blocks for column in block.columns)

    def legend(self, best: str, close: str, star: str = "*") -> Iterator[str]:
        """What marks in the table mean, of those that it can have; the arguments name them."""
        if self.marked:
            yield f"{best}: best mean."
        if self.tested:
            yield f"{close}: not significantly worse than the best ({self.rule})."
        yield from self.star_notes(star)

    def star_notes(self, star: str = "*") -> Iterator[str]:
        """What stars mean, where they are asked for."""
        if (starred := self.significance.starred) and self.runs > 1:
            label = next(b.labels[starred] for b in self.blocks if starred in b.labels)
            marks = ", ".join(
                f"{stars.replace('*', star)}: p < {text.bare(p)}"
                for stars, p in reversed(THRESHOLDS.items())
            )
            yield (
                f"{marks}, better than {label} of the same model (one-way ANOVA over runs; the"
                " thresholds of Gu et al. 2020, who name no test; uncorrected)."
            )

    @property
    def notes(self) -> list[str]:
        """What the scores are, on how many examples, and what they do not say."""
        return [
            self._spread,
            self._tested_on,
            *self._caveats,
            *self.warnings,
            *self._cuts,
            *self._stages,
            *self._average,
            "Masked: share of the corpus's tokens that the arm's decisions mask.",
            self._majority,
            *(
                ["Paper: the published figure, for the paper's own model and data."]
                if self.with_paper
                else []
            ),
            *self._only_printed,
        ]

    @property
    def warnings(self) -> list[str]:
        """Why figures may not be what they seem; each names what it is about."""
        return [*self._drifts, *self._shared, *self._edges, *self._nothing_learnt]

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
            f" {self._corrections}"
        )

    @property
    def _corrections(self) -> str:
        """What stands beside the uncorrected tests."""
        one = len({seed.pretraining for seed in self.significance.seeds}) == 1
        drawn = (
            "fine-tuning seeds" if one else "pre-training seeds, their fine-tuning runs averaged,"
        )
        corrected = "p (runs)"
        if self.independent < self.runs:
            corrected = "that t-test of pre-training seeds, their fine-tuning runs averaged,"
        clusters = {
            column.task: f"{column.clusters:,} of {column.task}"
            for column in self._all_columns
            if column.clusters
        }
        return " ".join(
            [
                f"p (Holm): {corrected} among all comparisons of the column. The best arm is chosen"
                " from the data, so what is compared with it looks worse than it is.",
                *(
                    [
                        "p (clusters): as p (examples), examples of one cluster exchanged together:"
                        f" {text.listed(clusters.values())}."
                    ]
                    if clusters
                    else []
                ),
                f"Multi-bootstrap (Sellam et al. 2022): {self.confidence} interval over new {drawn}"
                f" and new test examples, {self.significance.resamples:,} samples, with the t of so"
                " few seeds."
                + (" It can't speak for pre-training, of which there is one seed." if one else ""),
                "Effect g: the difference in standard deviations over runs (Hedges 1981).",
                *(
                    [
                        f"Equivalence: two one-sided tests of ±{100 * margin:.2f} points,"
                        " not corrected for the number of comparisons."
                    ]
                    if (margin := self.significance.margin)
                    else []
                ),
            ]
        )

    @property
    def over_tasks_note(self) -> str:
        """What the figures over tasks are."""
        return (
            "Over all tasks, of the first metric of each (Agarwal et al. 2021): interquartile mean"
            " of all runs (×100), and the chance that a run scores above one of another arm on a"
            f" task drawn at random, with {self.confidence} intervals over new runs of these tasks."
            f" None of fewer than {FEWEST} runs, and where no sample of runs differs: a chance of 1"
            " without an interval is not certain, for so it is in three of ten studies with three"
            " runs of two tasks where it is .9."
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
        """What single comparisons need said beside their p-value, together where it is the same."""
        pairs: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for head in self.columns:
            for block, column in zip(self.blocks, head.columns, strict=True):
                for comparison in column.comparisons:
                    if comparison.note and not column.flat:
                        arm, other = self.called(block, comparison.arm), comparison.other
                        pair = f"{arm} against {block.labels[other]}"
                        pairs[column.title, comparison.note][pair] = None
        return [f"{text.listed(some)} on {on}: {note}." for (on, note), some in pairs.items()]

    @property
    def signatures(self) -> list[str]:
        """How the scores are made."""
        return list(dict.fromkeys(column.signature for column in self._all_columns))

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
            for column in self.blocks[0].columns
            if column.task != AVERAGE
        }
        for task in counts:
            if self.table.majority[task].dev_as_test:
                counts[task] += " (its published dev split)"
        return f"Scored on {text.listed(counts.values())}."

    @property
    def _caveats(self) -> Iterator[str]:
        if self.tested:
            averaged = self.independent < self.runs
            yield verdicts.floor_note(self.independent, *["pre-training seed"] * averaged)
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
                    "Runs that share a pre-trained checkpoint count as independent in intervals of"
                    " means and differences and in p (runs), which are too optimistic; everything"
                    " else averages them first."
                )
            yield (
                "Masks, and the networks that policies decide with, are of one seed in all runs:"
                " spread and p-values do not cover them."
            )

    @property
    def _drifts(self) -> Iterator[str]:
        """Which tasks have another number of examples than expected, as a release may."""
        for task, majority in self.table.majority.items():
            splits = [
                f"{each.examples:,} {split} examples, not {each.expected:,}"
                for split, each in majority.drift.items()
            ]
            if splits:
                yield f"Other counts than expected of {task}: {text.listed(splits)}."

    @property
    def _shared(self) -> Iterator[str]:
        """Which tasks are tested on examples that a model has read, too."""
        for task, majority in self.table.majority.items():
            if majority.shared:
                tested = f"{counted(majority.shared, 'test example')} of {task}"
                are = "is" if majority.shared == 1 else "are"
                yield f"{tested} {are} in train or dev, too: scores are the better for it."

    @property
    def _edges(self) -> Iterator[str]:
        """Which arms chose the first or last of what was searched, nothing else as good."""
        for task, columns in self._by_task.items():
            arms = [
                (self.called(block, arm.arm), arm, column)
                for block, column in zip(self.blocks, columns, strict=True)
                for arm in column.arms
            ]
            rates = {
                name: [rate for rate in arm.learning_rates if rate not in arm.tied_rates]
                for name, arm, _ in arms
            }
            yield from self._edges_of(task, "learning_rate", columns[0].grid, rates)
            for i, searched in enumerate(columns[0].searched):
                chosen = {name: column.searched[i].chosen[arm.arm] for name, arm, column in arms}
                yield from self._edges_of(task, searched.axis, searched.grid, chosen)

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
    def _by_task(self) -> dict[str, list[Column]]:
        """Of each task, one column of each block: what does not depend on the metric."""
        return {
            head.columns[0].task: head.columns
            for head in self.columns
            if head.columns[0].task != AVERAGE
        }

    @property
    def _decoded(self) -> dict[str, list[Column]]:
        """As `_by_task`, of the tasks that a metric scores by what is decoded."""
        return {
            head.columns[0].task: head.columns
            for head in self.columns
            if head.columns[0].task != AVERAGE and find_metric(head.columns[0].metric).decoded
        }

    @property
    def _nothing_learnt(self) -> Iterator[str]:
        unmarked: dict[tuple[str, str], list[str]] = defaultdict(list)
        for head in self.columns:
            for block, column in zip(self.blocks, head.columns, strict=True):
                if column.flat:
                    of = f" of {block.heading}" if self.several else ""
                    unmarked[of, _FLAT[column.flat]].append(head.title)
        for (of, why), titles in unmarked.items():
            yield f"No arm{of} is marked on {text.listed(titles)}: {why}."
        for task, columns in self._decoded.items():
            for says, is_meant in _ONE_PREDICTION.items():
                arms = [
                    f"{self.called(block, arm.arm)} ({number} of {self.runs} runs)"
                    for block, column in zip(self.blocks, columns, strict=True)
                    if column.flat not in ("empty", "constant")
                    for arm in column.arms
                    if (number := sum(map(is_meant, arm.only_predictions)))
                ]
                if arms:
                    yield f"Nothing learnt on {task}: {says} with {text.listed(arms)}."

    @property
    def _cuts(self) -> list[str]:
        """What is not read whole; of several models those that differ are named."""
        of_models: dict[str, list[str]] = {}
        for block in self.blocks:
            for sentence in (s for cuts in block.reported.cuts for s in cuts.sentences()):
                of_models.setdefault(sentence, []).append(block.model)
        every = {block.model for block in self.blocks}
        return [
            sentence
            if set(models) == every
            else f"{text.listed(dict.fromkeys(models))}, {sentence}"
            for sentence, models in of_models.items()
        ]

    @property
    def stages(self) -> bool:
        """Whether rows are of several stages."""
        return len({arm.stage for column in self._all_columns for arm in column.arms}) > 1

    @property
    def _stages(self) -> Iterator[str]:
        """Which rows are after another stage than the others of their block."""
        rows: dict[str, list[str]] = {}
        for block in self.blocks:
            for row in block.reported.shown.rows:
                if row.about:
                    rows.setdefault(row.about, []).append(self.called(block, row.name))
        for about, names in rows.items():
            yield f"{about[0].upper()}{about[1:]}: {text.listed(names)}."
        if self.several or self.stages:
            yield _BESIDE

    @property
    def _average(self) -> Iterator[str]:
        if self.columns[-1].columns[0].task == AVERAGE:
            firsts = {each.group: each.title for each in reversed(self.columns[:-1])}
            of = text.listed(reversed(firsts.values()))
            yield f"Average: each run's mean of {of}; in no test over examples."

    @property
    def _only_printed(self) -> Iterator[str]:
        rows = [
            self.called(block, row.name)
            for block in self.blocks
            for row in block.reported.shown.rows
            if row.only_printed
        ]
        if rows:
            yield f"Only in print, with no runs and in no test: {text.listed(rows)}."

    @property
    def _majority(self) -> str:
        answers = (
            f"{shorten(majority.answer, 40, placeholder=' …')!r} on {task}"
            f" ({text.percent_text(majority.share)} of train"
            + (f"; or choice {majority.position})" if majority.position else ")")
            for task, majority in self.table.majority.items()
        )
        return (
            f"{MAJORITY}: always the commonest answer of train, {text.listed(answers)};"
            " for comparison, in no test."
        )


_BESIDE = "Scores against steps, costs and masks are drawn beside tables of one model and stage."

_AGAINST_CONTROL = "Against its matched-budget control"

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


def _short(comparison: Comparison) -> str:
    return f"{text.difference_text(comparison.difference)} ({text.p_text(comparison.p)})"
