"""What the first page says: the study at a glance, and its tables down to single seeds."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maskpolicy.analysis.benchmarks import Costs, read_costs
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.forecast.actual import ArmCost, arm_costs
from maskpolicy.forecast.rates import USUAL_RATES
from maskpolicy.policies.registry import find_policy
from maskpolicy.reporting import text
from maskpolicy.reporting.view import FORMATS, BlockView, ColumnView, TableView
from maskpolicy.site.findings import findings
from maskpolicy.site.masks import corpus_read, has_masks
from maskpolicy.site.pages import settings_text
from maskpolicy.site.provenance import CPU, devices_of, table_provenance
from maskpolicy.site.results import StudyResults
from maskpolicy.statistics.significance import AVERAGE, ArmScores, Column
from maskpolicy.study.tables import PlannedTable

FIGURES = {
    "costs": "Seconds of each stage before fine-tuning",
    "learning-efficiency": "Scores against steps of intermediate pre-training",
    "mask-sweep": "Scores against the number of masks",
    "mask-budget": "How much each arm masks",
    "masked-parts-of-speech": "Which parts of speech each arm masks",
    "masked-entities": "Which entities each arm masks",
    "mask-frequency": "How rare the tokens are that each arm masks",
    "mask-overlap": "How much of what one arm masks another masks too",
}
"""What may be drawn of a table, in the order of the page."""


@dataclass(frozen=True)
class ArmFacts:
    """An arm in a row: what it masks, and what it cost."""

    name: str
    masks: str
    settings: str
    masked: str
    seconds: float | None  # of a checkpoint
    kilowatt_hours: float | None  # of all that was measured of it in the study, estimated

    @property
    def cost(self) -> str:
        """The seconds as printed."""
        return text.ABSENT if self.seconds is None else f"{self.seconds:,.0f}"

    @property
    def energy(self) -> str:
        """The energy as printed."""
        kilowatts = self.kilowatt_hours
        if kilowatts is None:
            return text.ABSENT
        return f"{kilowatts:,.1f} kWh" if kilowatts >= 1 else f"{1000 * kilowatts:.1f} Wh"


@dataclass(frozen=True)
class Figure:
    """A picture of a table: its file below the site, and what it shows."""

    file: str
    shows: str


@dataclass(frozen=True)
class TablePage:
    """A table as the first page has it."""

    view: TableView
    planned: PlannedTable
    results: StudyResults
    costs: Costs  # of arms before fine-tuning, where they were drawn
    study_costs: Mapping[str, ArmCost]  # of all arms, in the whole study
    devices: Counter[str]  # that it was trained on, and how many trainings on each

    @property
    def name(self) -> str:
        """The table."""
        return self.view.table.name

    @property
    def findings(self) -> list[str]:
        """What was found."""
        return list(findings(self.view))

    @property
    def formats(self) -> list[str]:
        """The ends of its files that are there: "html" first."""
        tables = self.results.folder / "tables"
        there = [end for end in FORMATS if (tables / f"{self.name}.{end}").is_file()]
        return sorted(there, key=lambda end: end != "html")

    @property
    def command(self) -> str:
        """What makes it again."""
        return self.results.command(f"{self.results.study.results}/tables/{self.name}.md")

    @property
    def arms(self) -> list[ArmFacts]:
        """Its arms, each once."""
        facts: dict[str, ArmFacts] = {}
        for block in self.view.blocks:
            for row in self.view.arms(block):
                if row.only_printed:
                    continue
                arm = next(a.policy for a in block.columns[0].arms if a.arm == row.name)
                before, cost = self.costs.get(arm), self.study_costs.get(arm)
                facts.setdefault(
                    row.label,
                    ArmFacts(
                        name=row.label,
                        masks=in_words(self.results, arm),
                        settings=settings_of(self.results, arm),
                        masked=row.masked,
                        seconds=sum(before.values()) if before else None,
                        kilowatt_hours=cost.kilowatt_hours if cost else None,
                    ),
                )
        return list(facts.values())

    @property
    def figures(self) -> list[Figure]:
        """What is drawn of it."""
        folder = self.results.folder / "analysis" / self.name
        return [
            Figure(f"figures/{self.name}/{figure}.svg", shows)
            for figure, shows in FIGURES.items()
            if (folder / f"{figure}.svg").is_file()
        ]

    @property
    def unmasked(self) -> list[str]:
        """The arms whose masks are not there, or not all of them."""
        reads = {
            (row.arm, corpus_read(self.results, model, row.stage)): None
            for _, model, row in self.planned.rows
            if row.arm != NO_POLICY
        }
        missing = (arm for arm, read in reads if not has_masks(self.results, read, arm))
        return list(dict.fromkeys(missing))

    @property
    def watts(self) -> str:
        """What energy is estimated with; nothing where no time was measured."""
        if not self.study_costs:
            return ""
        return USUAL_RATES.watts(gpu=any(cost.gpu_hours for cost in self.study_costs.values()))

    @property
    def provenance(self) -> dict[str, str]:
        """Who made it."""
        return table_provenance(self.results, self.name, self.devices)

    def cells(self) -> dict[str, dict[str, Any]]:
        """What stands behind every score, by the number of its block, column and arm."""
        return {
            f"{self.name}/{number}/{at}/{scores.arm}": self._behind(block, head, column, scores)
            for number, block in enumerate(self.view.blocks)
            for at, (head, column) in enumerate(zip(self.view.columns, block.columns, strict=True))
            for scores in column.arms
        }

    def _behind(
        self, block: BlockView, head: ColumnView, column: Column, scores: ArmScores
    ) -> dict[str, Any]:
        label, seeds = block.labels, self.view.significance.seeds
        averaged = column.task == AVERAGE
        folder = f"runs/{block.model}/{scores.stage}/{scores.policy}/{column.task}"
        rates = [f"{rate:g}" for rate in scores.learning_rates] or [text.ABSENT] * len(seeds)
        return {
            "title": f"{label[scores.arm]}: {column.title}",
            "score": text.score_text(scores.mean, scores.std),
            "drawn": {
                "arm": label[scores.arm],
                "shade": scores.shade,
                "mean": 100 * scores.mean,
                "interval": [100 * bound for bound in scores.interval or ()],
                "runs": [100 * score for score in scores.scores],
            },
            "interval": text.interval_text(scores.interval).replace("+", ""),
            "about": f"{column.examples:,} {column.split} examples" if column.examples else "",
            "seeds": [
                {
                    "pretraining": seed.pretraining,
                    "finetuning": seed.finetuning,
                    "score": text.score_text(score, None),
                    "rate": rate,
                    "run": ""
                    if averaged
                    else f"{folder}/pretraining-{seed.pretraining}/seed-{seed.finetuning}",
                }
                for seed, score, rate in zip(seeds, scores.scores, rates, strict=True)
            ],
            "heads": self.view.comparison_heads(head),
            "tests": [
                {"against": group.title, "figures": figures, "note": each.note or ""}
                for group in self.view.comparisons(head)
                for each, (_, *figures) in zip(group.comparisons, group.rows, strict=True)
                if each.arm == label[scores.arm] and group.block in ("", block.heading)
            ],
            "tests_note": self.view.comparison_note,
            "signature": column.signature,
            "settings": settings_of(self.results, scores.policy),
        }


def table_pages(results: StudyResults) -> Iterator[TablePage]:
    """The tables that are there."""
    devices = {name: devices_of(results, name) for name in results.study.tables}
    on_gpus = any(device != CPU for counts in devices.values() for device in counts)
    study_costs = arm_costs(results.plan, results.at, gpu=on_gpus)
    for table in results.made_tables():
        path = results.folder / "analysis" / table.name / "costs.csv"
        costs = read_costs(path) if path.is_file() else {}
        planned = results.tables[table.name]
        yield TablePage(
            view=TableView(table),
            planned=planned,
            results=results,
            costs=costs,
            study_costs=study_costs,
            devices=devices[table.name],
        )


def analyses(results: StudyResults) -> dict[str, list[Figure]]:
    """What is drawn of no single table: gradients under many masks, and tables joined."""
    found: dict[str, list[Figure]] = {}
    for path in sorted((results.folder / "analysis").glob("*/*.svg")):
        name = path.parent.name
        if name not in results.study.tables:
            shows = path.stem.replace("-", " ").capitalize()
            found.setdefault(name, []).append(Figure(f"figures/{name}/{path.name}", shows))
    return found


def in_words(results: StudyResults, arm: str) -> str:
    """What an arm masks."""
    if arm == NO_POLICY:
        return "Nothing: no intermediate pre-training."
    if arm.endswith(CONTROL):
        policy = policy_of(arm)
        return f"As many tokens and spans of each row as {policy} masks, at random places."
    kind = find_policy(results.study.policy(arm).decide.kind)
    return (kind.__doc__ or "").partition("\n")[0]


def settings_of(results: StudyResults, arm: str) -> str:
    """The record of an arm's policy as JSON; of none nothing."""
    return "" if arm == NO_POLICY else settings_text(results.study.policy(arm))


def design(results: StudyResults) -> dict[str, str]:
    """What is held fixed and what varies: stages, tasks and seeds, in words."""
    study = results.study
    said = {}
    if general := study.general:
        said["General stage"] = (
            f"{general.corpus}: {general.steps:,} steps of {general.batch_size} sequences,"
            f" masked by {general.policy}"
        )
    for name, stage in study.intermediate.items():
        said[f"Intermediate stage {name}"] = (
            f"{stage.corpus}: {stage.steps:,} steps of {stage.batch_size} sequences,"
            f" {stage.mask_epochs} masks of each, peak learning rate {stage.learning_rate:g}"
        )
    for name, task in study.tasks.items():
        said[f"Task {name}"] = f"scored by {text.listed(task.metrics)}"
    seeds = study.seeds
    said["Seeds"] = (
        f"pre-training {text.listed(seeds.pretraining)}; fine-tuning"
        f" {text.listed(seeds.finetuning)}; masking {seeds.masking}"
    )
    return said | {"Models": text.listed(study.models)}
