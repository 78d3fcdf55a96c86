"""What the tables of a study need, and what is drawn beside them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from maskpolicy.analysis.specs import MASK_FIGURES, ArmFiles, StoppedTable, TableFiles
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.study.plan import Plan, label_of
from maskpolicy.study.records import Table
from maskpolicy.training.specs import IntermediatePretraining


@dataclass(frozen=True)
class PlannedTable:
    """What one table needs."""

    plan: Plan
    name: str

    @property
    def record(self) -> Table:
        """What is configured of it."""
        return self.plan.study.tables[self.name]

    @property
    def stage_name(self) -> str:
        """The name of the stage that it is about."""
        return self.plan.study.stage_of(self.record)

    @property
    def stage(self) -> IntermediatePretraining:
        """The stage that it is about."""
        return self.plan.study.intermediate[self.stage_name]

    @property
    def general_steps(self) -> int:
        """After how many steps of the general stage its own starts."""
        start, general = self.plan.study.start_of(self.stage), self.plan.study.general
        if isinstance(start, int):
            return start
        return general.steps if general and start == "general" else 0

    @property
    def trained_arms(self) -> list[str]:
        """The arms with intermediate pre-training."""
        return [arm for arm in self.record.arms if arm != NO_POLICY]

    @property
    def has_curves(self) -> bool:
        """Whether arms keep checkpoints on their way."""
        return len(self.stage.stops) > 0 and len(self.trained_arms) > 0

    @property
    def runs(self) -> list[str]:
        """The runs that it shows: every arm on every task with every seed."""
        return self._runs(self.record.arms, [""])

    @property
    def searches(self) -> list[str]:
        """Where the learning rate of its runs was chosen."""
        return list(dict.fromkeys(f"{run.rsplit('/', 2)[0]}/search.json" for run in self.runs))

    @property
    def finetuning(self) -> dict[str, str]:
        """The record that says how models are fine-tuned, by task."""
        return {task: self.plan.study.tasks[task].finetuning for task in self.record.tasks}

    @property
    def runs_on_the_way(self) -> list[str]:
        """Its runs, and those of the checkpoints that arms kept on their way."""
        return self.runs + self._runs(self.trained_arms, [f"/step-{s}" for s in self.stage.stops])

    @property
    def cuts(self) -> list[str]:
        """What its model does not read of each of its tasks."""
        folder = f"{self.plan.study.results}/cuts/{self.record.model}"
        return [f"{folder}/{task}.json" for task in self.record.tasks]

    @property
    def files(self) -> TableFiles:
        """All that it and what is drawn beside it are made of."""
        return TableFiles(
            runs=tuple(self.runs),
            runs_on_the_way=tuple(self.runs_on_the_way),
            cuts=tuple(self.cuts),
            majorities=tuple(self.majorities),
            masks=tuple(self.masks),
            costs=tuple(map(self.costs_of_arm, self.trained_arms)),
        )

    @property
    def majorities(self) -> list[str]:
        """What the commonest answer of each task scores."""
        return [f"{self.plan.study.results}/majority/{task}.json" for task in self.record.tasks]

    @property
    def leaks(self) -> list[str]:
        """What of the held-out examples of each task its corpora give away."""
        return [f"{self.plan.study.results}/leaks/{task}.json" for task in self.record.tasks]

    @property
    def corpora(self) -> list[str]:
        """The corpora that its arms read, in the stage that all share and in their own."""
        general = self.plan.study.general
        shared = [general.corpus] if general and self.general_steps else []
        return [*shared, *([self.stage.corpus] if self.trained_arms else [])]

    @property
    def contexts(self) -> list[str]:
        """What says that the networks which decide for its arms have contexts to learn from."""
        study, arms = self.plan.study, self.trained_arms
        if study.general and self.general_steps:
            arms = [*arms, study.general.policy]
        networks = dict.fromkeys(n for arm in arms for n in study.policy(arm).decide.networks)
        return [
            f"{study.results}/networks/{network}.contexts.json"
            for network in networks
            if study.tasks[study.networks[network].task].kind == "seq2seq"
        ]

    @property
    def masks(self) -> list[str]:
        """The manifests of all masks that its arms read."""
        return [
            manifest
            for arm in self.trained_arms
            for manifest in self.plan.mask_manifests(self.stage.corpus, self.record.model, arm)
        ]

    @property
    def mask_folders(self) -> list[str]:
        """The folders of the masks that its arms read, each named as its arm."""
        return [
            self.plan.masks(self.stage.corpus, self.record.model, arm) for arm in self.trained_arms
        ]

    @property
    def decided_by(self) -> dict[str, AnyPolicy]:
        """Each trained arm -> what it masks by; a control by what its policy does."""
        return {arm: self.plan.study.policy(arm).decide for arm in self.trained_arms}

    @property
    def shards(self) -> list[str]:
        """The token shards that those are masks of."""
        return self.plan.token_shards(self.stage.corpus, self._tokenizer)

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
            self.plan.checkpoint_of_arm(self.record.model, seed, self.stage_name, arm).manifest
            for arm, seed in product(self.trained_arms, self.plan.study.seeds.pretraining)
        ]

    @property
    def masks_of_explored(self) -> dict[str, int]:
        """K of every fully-explored arm; a control draws no such groups."""
        policies = self.plan.study.policies
        decide = {arm: policies[arm].decide for arm in self.record.arms if arm in policies}
        return {arm: spec.masks for arm, spec in decide.items() if hasattr(spec, "masks")}

    def costs_of_arm(self, arm: str) -> ArmFiles:
        """Where it is written what an arm cost before fine-tuning."""
        study, model, corpus = self.plan.study, self.record.model, self.stage.corpus
        tokenizer, seeds = self._tokenizer, study.seeds.pretraining
        # A control's masks are its policy's, moved.
        masks = [("mask_shard", policy_of(arm))]
        masks += [("match_shard", arm)] if arm.endswith(CONTROL) else []
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
            masking=tuple(
                f"{benchmarks}/{rule}/{corpus}/{tokenizer}/{of}/{shard}.tsv"
                for (rule, of), shard in product(masks, self.plan.shards(corpus))
            ),
            pretraining=tuple(
                f"{benchmarks}/pretrain_intermediate/{model}/{self.stage_name}/{arm}/{seed}.tsv"
                for seed in seeds
            ),
        )

    @property
    def _tokenizer(self) -> str:
        return self.plan.study.models[self.record.model].tokenizer

    def _runs(self, arms: Sequence[str], stops: Sequence[str]) -> list[str]:
        """The runs of some arms with every seed; a stop is empty, or that of a kept checkpoint."""
        results, seeds = self.plan.study.results, self.plan.study.seeds
        folder = f"{results}/runs/{self.record.model}/{self.stage_name}"
        runs = product(arms, self.record.tasks, seeds.pretraining, stops, seeds.finetuning)
        return [
            f"{folder}/{arm}/{task}/pretraining-{pretraining}{stop}/seed-{seed}/metrics.json"
            for arm, task, pretraining, stop, seed in runs
        ]


@dataclass(frozen=True)
class PlannedTables:
    """The tables of a study by name, alone and joined."""

    plan: Plan

    def __getitem__(self, name: str) -> PlannedTable:
        return PlannedTable(self.plan, name)

    @cached_property
    def joint(self) -> dict[str, list[str]]:
        """Tables alike but for the general checkpoint that they start from, by a joint name.

        The name has a sign that names of tables can't have.
        """
        alike: dict[str, list[PlannedTable]] = defaultdict(list)
        for table in map(self.__getitem__, self.plan.study.tables):
            if table.has_curves:
                parts = [table.record.model, table.stage.corpus, *table.record.tasks]
                alike["+".join(parts)].append(table)
        return {
            joint: [table.name for table in tables]
            for joint, tables in alike.items()
            if 1 < len(tables) == len({table.general_steps for table in tables})
        }

    def corpora_before(self, task: str) -> list[str]:
        """The corpora that models read before a task, in any table of it."""
        of_task = (t for t, record in self.plan.study.tables.items() if task in record.tasks)
        return list(dict.fromkeys(corpus for table in of_task for corpus in self[table].corpora))

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
        """What there is to draw beside a table, alone and with others."""
        table = self[name]
        learned = any(self.plan.study.policy(arm).decide.networks for arm in table.trained_arms)
        wanted = {
            "learning-efficiency": table.has_curves,
            "costs": table.has_curves or learned,
            "mask-sweep": len(set(table.masks_of_explored.values())) > 1,
            **dict.fromkeys(MASK_FIGURES, table.record.mask_analysis is not None),
        }
        figures = [f"{name}/{figure}" for figure, draws in wanted.items() if draws]
        joint = [joint for joint, names in self.joint.items() if name in names]
        figures += [f"{names}/learning-efficiency" for names in joint]
        return [f"{self.plan.study.results}/analysis/{figure}.svg" for figure in figures]
