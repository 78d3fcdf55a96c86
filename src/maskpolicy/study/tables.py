"""What the tables of a study need, and what is drawn beside them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from maskpolicy.analysis.specs import (
    MASK_FIGURES,
    AnalysedCheckpoint,
    ArmFiles,
    StoppedTable,
    TableFiles,
)
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.evaluation.specs import TableRow
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.reporting.specs import ShownBlock, ShownRow
from maskpolicy.study.plan import Arm, Plan, label_of
from maskpolicy.study.records import AnyTable, ArmsOfModel, Row
from maskpolicy.training.specs import IntermediatePretraining


@dataclass(frozen=True)
class PlannedTable:
    """What one table needs.

    What is drawn beside it is of one model and stage; `one_stage` says whether it is.
    """

    plan: Plan
    name: str

    @property
    def record(self) -> AnyTable:
        """What is configured of it."""
        return self.plan.study.tables[self.name]

    @cached_property
    def rows(self) -> list[tuple[int, str, Row]]:
        """The rows that something is run for: number of the block, model, and row."""
        return [
            (number, block.model, row)
            for number, block in enumerate(self.record.blocks)
            for row in self.plan.study.rows_of(block)
            if not row.only_printed
        ]

    @property
    def one_stage(self) -> bool:
        """Whether all its rows are of one model in one stage, as what is drawn beside it is."""
        stages = {row.stage for _, _, row in self.rows}
        return len(self.record.blocks) == len(stages) == 1

    @property
    def model(self) -> str:
        """Its model, or its first."""
        return self.record.blocks[0].model

    @property
    def stage_name(self) -> str:
        """The name of its stage, or of its first."""
        return self.rows[0][2].stage

    @property
    def stage(self) -> IntermediatePretraining:
        """Its stage, or its first."""
        return self.plan.study.intermediate[self.stage_name]

    @property
    def general_steps(self) -> int:
        """After how many steps of the general stage its own starts."""
        return self._general_steps(self.stage)

    @property
    def arms(self) -> list[str]:
        """The arms that something is run for."""
        return list(dict.fromkeys(row.arm for _, _, row in self.rows))

    @property
    def trained_arms(self) -> list[str]:
        """The arms with intermediate pre-training."""
        return [arm for arm in self.arms if arm != NO_POLICY]

    @property
    def has_curves(self) -> bool:
        """Whether arms keep checkpoints on their way, and a picture can hold them."""
        return self.one_stage and len(self.stage.stops) > 0 and len(self.trained_arms) > 0

    @property
    def runs(self) -> list[str]:
        """The runs that it shows: every arm on every task with every seed."""
        return [run for _, model, row in self.rows for run in self._runs(model, row)]

    @property
    def searches(self) -> list[str]:
        """Where the settings of its runs were chosen."""
        found = (search for _, model, row in self.rows for search in self._searches(model, row))
        return list(dict.fromkeys(found))

    @property
    def finetuning(self) -> dict[str, str]:
        """The record that says how models are fine-tuned, by task."""
        return {task: self.plan.study.tasks[task].finetuning for task in self.record.tasks}

    @property
    def runs_on_the_way(self) -> list[str]:
        """Its runs, and those of the checkpoints that arms kept on their way."""
        stops = [f"/step-{step}" for step in self.stage.stops]
        trained = [(model, row) for _, model, row in self.rows if row.arm != NO_POLICY]
        return self.runs + [run for model, row in trained for run in self._runs(model, row, stops)]

    @property
    def cuts(self) -> list[list[str]]:
        """Of each block, what its model does not read of each of the tasks."""
        folder = f"{self.plan.study.results}/cuts"
        return [
            [f"{folder}/{block.model}/{task}.json" for task in self.record.tasks]
            for block in self.record.blocks
        ]

    @property
    def files(self) -> TableFiles:
        """All that it and what is drawn beside it are made of."""
        return TableFiles(
            rows=tuple(
                TableRow(
                    block=number,
                    name=row.name,
                    arm=row.arm,
                    stage=row.stage,
                    runs=tuple(self._runs(model, row)),
                    searches=tuple(self._searches(model, row)),
                )
                for number, model, row in self.rows
            ),
            masks=tuple(tuple(self._masks_of_shards(model, row)) for _, model, row in self.rows),
            trained=tuple(self.trained),
            cuts=tuple(map(tuple, self.cuts)),
            majorities=tuple(self.majorities),
            test_splits=self.test_splits,
            runs_on_the_way=tuple(self.runs_on_the_way) if self.one_stage else (),
            costs=tuple(map(self.costs_of_arm, self.trained_arms)) if self.one_stage else (),
        )

    @property
    def compared(self) -> list[str]:
        """The arguments that say what else is tested than in every table."""
        record = self.record
        baselines = [f"--against={row}" for row in record.against]
        stars = [f"--stars={record.stars}"] if record.stars else []
        margin = [] if record.margin is None else [f"--margin={record.margin:g}"]
        return baselines + stars + margin + (["--average"] if record.average else [])

    @property
    def shown(self) -> list[ShownBlock]:
        """Its blocks as they are shown, rows that are only in print too."""
        return [
            ShownBlock(
                heading=block.heading,
                rows=tuple(
                    ShownRow(
                        name=row.name,
                        label=row.label,
                        about="" if row.only_printed else self._about(block, row),
                        only_printed=row.only_printed,
                    )
                    for row in self.plan.study.rows_of(block)
                ),
                paper=block.paper,
            )
            for block in self.record.blocks
        ]

    def _about(self, block: ArmsOfModel, row: Row) -> str:
        """Which stage a row is of, and where that starts, if the others of its block differ."""
        study = self.plan.study
        stages = [row.stage, study.stage_of(block)]
        if len(set(stages)) == 1:
            return ""
        starts = [study.start_of(study.intermediate[stage]) for stage in stages]
        if len(set(starts)) > 1:
            stages = [
                f"{stage} (from {_called(start)})"
                for stage, start in zip(stages, starts, strict=True)
            ]
        return f"{'before' if row.arm == NO_POLICY else 'after'} {stages[0]}, not {stages[1]}"

    @property
    def majorities(self) -> list[str]:
        """What the commonest answer of each task scores."""
        return [f"{self.plan.study.results}/majority/{task}.json" for task in self.record.tasks]

    @property
    def test_splits(self) -> dict[str, str]:
        """The examples that runs of each task were tested on."""
        folder = f"{self.plan.study.results}/tasks"
        return {task: f"{folder}/{task}/test.arrow" for task in self.record.tasks}

    @property
    def leaks(self) -> list[str]:
        """What of the held-out examples of each task its corpora give away."""
        folder = f"{self.plan.study.results}/leaks"
        return [
            f"{folder}/{task}/{corpus}.json"
            for task, corpus in product(self.record.tasks, self.corpora)
        ]

    @property
    def corpora(self) -> list[str]:
        """The corpora that its arms read, in the stage that all share and in their own."""
        general, stages = self.plan.study.general, self.plan.study.intermediate
        read = [stages[row.stage].corpus for _, _, row in self.rows if row.arm != NO_POLICY]
        if general and self._after_general:
            read.insert(0, general.corpus)
        return list(dict.fromkeys(read))

    @property
    def contexts(self) -> list[str]:
        """What says that the networks which decide for its arms have contexts to learn from."""
        study = self.plan.study
        return [
            f"{study.results}/networks/{network}.contexts.json"
            for network in self.networks
            if study.tasks[study.networks[network].task].kind == "seq2seq"
        ]

    @property
    def networks(self) -> list[str]:
        """The networks that decide for its arms, in the stage that all share too."""
        study, arms = self.plan.study, self.trained_arms
        if study.general and self._after_general:
            arms = [*arms, study.general.policy]
        return list(dict.fromkeys(n for arm in arms for n in study.policy(arm).decide.networks))

    @property
    def trained(self) -> list[str]:
        """The manifests of its networks, and of the checkpoints of its arms and their start."""
        study = self.plan.study
        networks = [f"{study.results}/networks/{name}/manifest.json" for name in self.networks]
        checkpoints = [
            self.plan.checkpoint_of_arm(model, seed, row.stage, arm).manifest
            for _, model, row in self.rows
            for seed in study.seeds.pretraining
            for arm in (NO_POLICY, row.arm)
        ]
        return list(dict.fromkeys([*networks, *checkpoints]))

    @property
    def masks(self) -> list[str]:
        """What says that all masks are there that its arms read."""
        manifests = (
            manifest
            for arm in self.trained_arms
            for _, model, row in self.rows
            if row.arm == arm
            for manifest in self.plan.mask_manifests(*self._masked(model, row))
        )
        return list(dict.fromkeys(manifests))

    @property
    def mask_folders(self) -> list[str]:
        """The folders of the masks that its arms read, each named as its arm."""
        corpus, tokenizer = self.stage.corpus, self._tokenizer
        return [self.plan.masks(corpus, tokenizer, arm) for arm in self.trained_arms]

    @property
    def decided_by(self) -> dict[str, AnyPolicy]:
        """Each trained arm -> what it masks by; a control by what its policy does."""
        return {arm: self.plan.study.policy(arm).decide for arm in self.trained_arms}

    @property
    def shards(self) -> str:
        """The folder of the token shards that those are masks of."""
        return self.plan.tokens(self.stage.corpus, self._tokenizer)

    @property
    def annotations(self) -> str:
        """The folder of the annotations of its corpus."""
        return self.plan.annotations(self.stage.corpus, self._tokenizer)

    @property
    def annotation_manifests(self) -> list[str]:
        """The manifests in that folder."""
        return [f"{self.annotations}/shard-{i}.json" for i in self.plan.shards(self.stage.corpus)]

    @property
    def checkpoints(self) -> list[str]:
        """The manifests of the last checkpoints of its trained arms."""
        return [
            self.plan.checkpoint_of_arm(self.model, seed, self.stage_name, arm).manifest
            for arm, seed in product(self.trained_arms, self.plan.study.seeds.pretraining)
        ]

    @property
    def held_out(self) -> list[str]:
        """The held-out losses of its arms, where its stage asks for them and it is of one."""
        if not (self.one_stage and self.stage.held_out):
            return []
        folder = f"{self.plan.study.results}/held-out/{self.model}/{self.stage_name}"
        seeds = self.plan.study.seeds.pretraining
        return [f"{folder}/{arm}/seed-{seed}.json" for arm, seed in product(self.arms, seeds)]

    @property
    def masks_of_explored(self) -> dict[str, int]:
        """K of every fully-explored arm; a control draws no such groups."""
        policies = self.plan.study.policies
        decide = {arm: policies[arm].decide for arm in self.arms if arm in policies}
        return {arm: spec.masks for arm, spec in decide.items() if hasattr(spec, "masks")}

    def costs_of_arm(self, arm: str) -> ArmFiles:
        """Where it is written what an arm cost before fine-tuning."""
        study, model, corpus = self.plan.study, self.model, self.stage.corpus
        tokenizer, seeds = self._tokenizer, study.seeds.pretraining
        policy, as_read = policy_of(arm), f"{corpus}/{tokenizer}"
        if study.policies[policy].decide.networks:
            shards = self.plan.shards(corpus)
            masking = [f"mask_shard/{as_read}/{policy}/{shard}" for shard in shards]
        else:
            masking = [f"mask_corpus/{as_read}/{policy}"]
        if arm.endswith(CONTROL):  # whose masks are its policy's, moved
            masking.append(f"match_corpus/{as_read}/{arm}")
        steps, benchmarks = self.general_steps, f"{study.results}/benchmarks"
        return ArmFiles(
            arm=arm,
            networks={
                f"{study.results}/networks/{network}": f"{benchmarks}/train_policy/{network}.tsv"
                for network in study.policy(arm).decide.networks
            },
            general=tuple(
                f"{benchmarks}/pretrain_general/{model}/{seed}.tsv" for seed in seeds if steps
            ),
            general_share=steps / study.general.steps if study.general and steps else 0.0,
            masking=tuple(f"{benchmarks}/{job}.tsv" for job in masking),
            pretraining=tuple(
                f"{benchmarks}/pretrain_intermediate/{model}/{self.stage_name}/{arm}/{seed}.tsv"
                for seed in seeds
            ),
        )

    @property
    def _tokenizer(self) -> str:
        return self.plan.study.models[self.model].tokenizer

    @property
    def _after_general(self) -> bool:
        """Whether any of its stages starts from a checkpoint of the general one."""
        stages = self.plan.study.intermediate
        return any(self._general_steps(stages[row.stage]) for _, _, row in self.rows)

    def _general_steps(self, stage: IntermediatePretraining) -> int:
        """After how many steps of the general stage one starts."""
        start, general = self.plan.study.start_of(stage), self.plan.study.general
        if isinstance(start, int):
            return start
        return general.steps if general and start == "general" else 0

    def _masks_of_shards(self, model: str, row: Row) -> list[str]:
        """The manifests of the masks of each shard that a row reads."""
        return self.plan.masks_of_shards(*self._masked(model, row)) if row.arm != NO_POLICY else []

    def _masked(self, model: str, row: Row) -> tuple[str, str, str]:
        """Corpus, tokenizer and arm of the masks that a row reads."""
        study = self.plan.study
        return study.intermediate[row.stage].corpus, study.models[model].tokenizer, row.arm

    def _runs(self, model: str, row: Row, stops: Sequence[str] = ("",)) -> list[str]:
        """The runs of a row with every seed; a stop is empty, or that of a kept checkpoint."""
        seeds, arm = self.plan.study.seeds, Arm(row.arm, model, row.stage)
        runs = product(self.record.tasks, seeds.pretraining, stops, seeds.finetuning)
        return [
            f"{self.plan.runs(arm, task, before)}{stop}/seed-{seed}/metrics.json"
            for task, before, stop, seed in runs
        ]

    def _searches(self, model: str, row: Row) -> list[str]:
        """What chose the settings of each run of a row."""
        seeds = self.plan.study.seeds
        return [
            self.plan.search(model, row.stage, row.arm, task, before)
            for task, before in product(self.record.tasks, seeds.pretraining)
            for _ in seeds.finetuning
        ]


@dataclass(frozen=True)
class PlannedTables:
    """The tables of a study by name, alone and joined."""

    plan: Plan

    def __getitem__(self, name: str) -> PlannedTable:
        return PlannedTable(self.plan, name)

    @cached_property
    def of_one_stage(self) -> list[str]:
        """The tables of one model and stage: what others are compared in has no one picture."""
        return [name for name in self.plan.study.tables if self[name].one_stage]

    @cached_property
    def joint(self) -> dict[str, list[str]]:
        """Tables alike but for the general checkpoint that they start from, by a joint name.

        The name has a sign that names of tables can't have.
        """
        alike: dict[str, list[PlannedTable]] = defaultdict(list)
        for table in map(self.__getitem__, self.plan.study.tables):
            if table.has_curves:
                parts = [table.model, table.stage.corpus, *table.record.tasks]
                alike["+".join(parts)].append(table)
        return {
            joint: [table.name for table in tables]
            for joint, tables in alike.items()
            if 1 < len(tables) == len({table.general_steps for table in tables})
        }

    def stopped(self, joint: str) -> list[StoppedTable]:
        """What was drawn of each of some joint tables; arms with equal labels are one."""
        study = self.plan.study
        return [
            StoppedTable(
                general_steps=self[name].general_steps,
                curves=f"{study.results}/analysis/{name}/learning-efficiency.csv",
                costs=f"{study.results}/analysis/{name}/costs.csv",
                arms={arm: label_of(study, arm) for arm in self[name].trained_arms},
            )
            for name in self.joint[joint]
        ]

    def figures(self, name: str) -> list[str]:
        """What there is to draw beside a table, alone and with others, and its held-out losses."""
        table = self[name]
        learned = any(self.plan.study.policy(arm).decide.networks for arm in table.trained_arms)
        wanted = {
            "learning-efficiency": table.has_curves,
            "costs": table.has_curves or (table.one_stage and learned),
            "mask-sweep": table.one_stage and len(set(table.masks_of_explored.values())) > 1,
            **dict.fromkeys(MASK_FIGURES, table.record.mask_analysis is not None),
        }
        figures = [f"{name}/{figure}" for figure, draws in wanted.items() if draws]
        joint = [joint for joint, names in self.joint.items() if name in names]
        figures += [f"{names}/learning-efficiency" for names in joint]
        drawn = [f"{self.plan.study.results}/analysis/{figure}.svg" for figure in figures]
        losses = f"{self.plan.study.results}/analysis/{name}/held-out-loss.csv"
        return [*drawn, losses] if table.held_out else drawn


def _called(start: AnalysedCheckpoint) -> str:
    return f"general step {start:,}" if isinstance(start, int) else str(start)
