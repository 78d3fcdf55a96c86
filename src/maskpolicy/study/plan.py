"""What a study needs: its arms, and the shards, masks and checkpoints of each.

The rules of `workflow/` ask the plan for inputs and arguments that more than wildcards decide.
Paths are text, relative to the folder that the workflow runs in. What tables need is in `tables`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeVar

from maskpolicy.analysis.specs import AnalysedCheckpoint, ArmCheckpoint, VarianceAnalysis
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.artefacts import read_json
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError
from maskpolicy.evaluation.search import SEARCH_FILE
from maskpolicy.learning.registry import NetworkTraining
from maskpolicy.models.specs import Generation
from maskpolicy.study.records import Policy, StudyRecords
from maskpolicy.training.specs import HELD_OUT, Finetuning, Pretraining, SearchedArm

Record = TypeVar("Record")

MOST_MASKERS = 8
"""Of a corpus: more processes find their disk too slow."""


class Arm(NamedTuple):
    """A policy, its control or none, with a model in a pre-training stage."""

    name: str
    model: str
    stage: str  # an intermediate one, or `general`

    @property
    def policy(self) -> str:
        """The policy of the arm; a control has that of the policy it is the control of."""
        return policy_of(self.name)


def planned_arms(study: StudyRecords) -> list[Arm]:
    """Every arm that a table, an analysis or the general stage asks for, once each.

    Steps over tables without a stage; names that are unknown are arms too.
    """
    blocks = [block for _, _, block in study.blocks()]
    arms = [
        Arm(entry.arm, block.model, stage)
        for block in blocks
        for entry in block.measured
        if (stage := study.stage_of(block, entry))
    ]
    arms += _searched_arms(study)
    arms += [
        Arm(start.policy, analysis.model, start.stage)
        for analysis in study.variance.values()
        if isinstance(start := analysis.start, ArmCheckpoint)
    ]
    if study.general is not None:
        users = [*blocks, *study.networks.values(), *study.variance.values()]
        arms += [Arm(study.general.policy, user.model, "general") for user in users]
    return list(dict.fromkeys(arms))


def _searched_arms(study: StudyRecords) -> Iterator[Arm]:
    """The arms that settings are searched on for the arms of tables, whether these show them."""
    for name, _, block in study.blocks():
        tasks = [study.tasks[task] for task in study.tables[name].tasks if task in study.tasks]
        records = [study.finetuning.get(task.finetuning) for task in tasks]
        for entry, record in product(block.measured, records):
            if record and record.search_on and (stage := study.stage_of(block, entry)):
                yield _searched(record.search_on, Arm(entry.arm, block.model, stage))


def _searched(searched: SearchedArm, arm: Arm) -> Arm:
    """The arm that settings are searched on in the place of an arm."""
    return Arm(searched.arm, searched.model or arm.model, searched.stage or arm.stage)


def label_of(study: StudyRecords, arm: str) -> str:
    """What figures of several tables call an arm with a policy: equal labels are one arm."""
    label = study.policy(arm).label or policy_of(arm)
    return label + CONTROL if arm.endswith(CONTROL) else label


def any_of(names: Iterable[str]) -> str:
    """A pattern for these names and nothing else: a typo in a target is no wildcard.

    Of no names it matches nothing.
    """
    return "|".join(map(re.escape, names)) or r"(?!)"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of a model: the last one of a stage, or one that it kept on its way."""

    models: str  # the folder of all of them
    model: str
    stage: str  # `initial`, `general`, or `{stage}/{arm}`
    seed: int | str  # of pre-training; a wildcard is text
    step: int | None = None  # without it the last one

    @property
    def manifest(self) -> str:
        """What says that it is there: the manifest of the stage that made it."""
        return f"{self._last}/manifest.json"

    @property
    def folder(self) -> str:
        """Where it lies; one that a stage kept on its way lies within the folder of the last."""
        return self._last if self.step is None else f"{self._last}/step-{self.step}"

    @property
    def _last(self) -> str:
        return f"{self.models}/{self.model}/{self.stage}/seed-{self.seed}"


@dataclass(frozen=True)
class PlannedPretraining:
    """What a pre-training reads, and how it trains."""

    start: Checkpoint
    policy: Policy
    stage: Pretraining
    shards: str  # folder
    masks: str  # folder
    mask_manifests: list[str]


@dataclass(frozen=True)
class PlannedHeldOut:
    """The masked text that the held-out losses of a stage are measured on, as a model reads it."""

    shards: str  # folder
    masks: str  # folder
    mask_manifests: list[str]
    objective: Objective


@dataclass(frozen=True)
class Plan:
    """What the rules ask; the records of the study fit together."""

    study: StudyRecords

    @cached_property
    def arms(self) -> list[Arm]:
        """Every arm that the study asks for."""
        return planned_arms(self.study)

    def state(self, *names: str) -> str:
        """The folder for what an unfinished training has done, by the names of what it makes."""
        return "/".join([self.study.results, "states", *names])

    # --- corpora and masks ------------------------------------------------------------------------

    def tokenizer(self, model: str) -> str:
        """The folder of a model's tokenizer."""
        return f"{self.study.results}/tokenizers/{self.study.models[model].tokenizer}"

    def documents(self, corpus: str) -> str:
        """The folder of a corpus's documents: one for all corpora that read the same ones, so that
        none are fetched twice to be cut to two lengths. It is that of the first of them whose
        documents are there, or else of the first.
        """
        folders = [
            f"{self.study.results}/corpora/{name}/documents"
            for name, record in self.study.corpora.items()
            if record.reads_as(self.study.corpora[corpus])
        ]
        return next((folder for folder in folders if Path(f"{folder}.json").exists()), folders[0])

    def shards(self, corpus: str) -> range:
        """The numbers of a corpus's shards."""
        return range(self.study.corpora[corpus].shards)

    def tokens(self, corpus: str, tokenizer: str) -> str:
        """The folder of the token shards of a corpus as a tokenizer reads it."""
        return f"{self.study.results}/corpora/{corpus}/{tokenizer}"

    def token_shards(self, corpus: str, tokenizer: str) -> list[str]:
        """The manifests of the token shards of a whole corpus, in order."""
        folder = self.tokens(corpus, tokenizer)
        return [f"{folder}/shard-{i}.json" for i in self.shards(corpus)]

    def recut_corpora(self) -> list[str]:
        """The corpora that were cut into another number of shards, each with its key.

        Raises ArtefactError, naming the manifest that can't be read.
        """
        found = []
        for (name, corpus), tokenizer in product(self.study.corpora.items(), self.study.tokenizers):
            first = Path(self.token_shards(name, tokenizer)[0])
            before = read_json(first).get("shards") if first.exists() else None
            if before not in (None, corpus.shards):
                found.append(
                    f"corpora.{name}.shards: {corpus.shards} in place of the {before} in"
                    f" {first.parent}: it is cut, masked and trained on anew"
                )
        return found

    def corpora_of(self, tokenizer: str) -> Sequence[str]:
        """The corpora that a tokenizer is trained on; none for a pre-trained one."""
        return getattr(self.study.tokenizers[tokenizer], "train_on", ())

    def annotations(self, corpus: str, tokenizer: str) -> str:
        """The folder of the annotations of a corpus as a tokenizer reads it."""
        return f"{self.tokens(corpus, tokenizer)}/annotations"

    def shard_annotations(
        self, corpus: str, tokenizer: str, policy: str, shard: str, suffix: str = "arrow"
    ) -> list[str]:
        """The annotations of a shard, or with "json" their manifest, where the policy reads any."""
        reads = self.study.policies[policy].decide.needs_annotations
        return [f"{self.annotations(corpus, tokenizer)}/shard-{shard}.{suffix}"] if reads else []

    def annotations_read(self, corpus: str, tokenizer: str, policy: str) -> list[str]:
        """The manifests of the annotations of a whole corpus, where the policy reads any."""
        return [
            path
            for shard in self.shards(corpus)
            for path in self.shard_annotations(corpus, tokenizer, policy, str(shard), "json")
        ]

    def statistics(self, corpus: str, tokenizer: str) -> str:
        """The folder of the statistics of a corpus as a tokenizer reads it."""
        return f"{self.tokens(corpus, tokenizer)}/statistics"

    def statistics_read(self, corpus: str, tokenizer: str, policy: str) -> list[str]:
        """The statistics of a corpus that a policy reads."""
        folder = self.statistics(corpus, tokenizer)
        return [f"{folder}/{name}.arrow" for name in self.study.policies[policy].decide.statistics]

    def masks(self, corpus: str, tokenizer: str, arm: str) -> str:
        """The folder of an arm's masks for a whole corpus, as a tokenizer reads it."""
        return f"{self.study.results}/masks/{corpus}/{tokenizer}/{arm}"

    def mask_manifests(self, corpus: str, tokenizer: str, arm: str) -> list[str]:
        """What says that an arm's masks for a whole corpus are there: one manifest, or where a
        network makes them one for each shard.
        """
        policy = self.study.policies.get(arm)  # neither of a control nor of held-out masks
        if policy and policy.decide.networks:
            return self.masks_of_shards(corpus, tokenizer, arm)
        return [f"{self.masks(corpus, tokenizer, arm)}/manifest.json"]

    def masks_of_shards(self, corpus: str, tokenizer: str, arm: str) -> list[str]:
        """The manifests of each shard that an arm masks, which count what it does."""
        folder = self.masks(corpus, tokenizer, arm)
        return [f"{folder}/shard-{i}.json" for i in self.shards(corpus)]

    def maskers(self, corpus: str) -> int:
        """How many processes mask the shards of a corpus, where no network decides."""
        return min(len(self.shards(corpus)), MOST_MASKERS)

    def mask_epochs(self, corpus: str, policy: str) -> int:
        """How many masks of each row are read: by every stage on a corpus that has the policy."""
        stages: dict[str, Pretraining] = dict(self.study.intermediate)
        if (general := self.study.general) and policy_of(general.policy) == policy:
            stages["general"] = general
        epochs = {name: s.mask_epochs for name, s in stages.items() if s.corpus == corpus}
        asked = {arm.stage for arm in self.arms if arm.policy == policy}
        # An arm that nothing asks for may be run by hand in any stage.
        return max([epochs[name] for name in epochs if name in asked] or epochs.values(), default=1)

    def shards_of_analysis(self, name: str) -> list[str]:
        """The manifests of the token shards that gradients are measured on."""
        analysis = self.study.variance[name]
        return self.token_shards(analysis.corpus, self.study.models[analysis.model].tokenizer)

    # --- tasks ------------------------------------------------------------------------------------

    def knowledge(self, task: str, suffix: str = "arrow") -> list[str]:
        """The index that a task's contexts are looked up in, or with "json" its manifest, where the
        task names one.
        """
        name = getattr(self.study.tasks[task].examples, "knowledge", None)
        return [f"{self.study.results}/knowledge/{name}.{suffix}"] if name else []

    # --- checkpoints and runs ---------------------------------------------------------------------

    def start(self, model: str, seed: int | str, start: AnalysedCheckpoint) -> Checkpoint:
        """The checkpoint of a model that stages start from, or that an analysis is about."""
        if isinstance(start, ArmCheckpoint):
            return self._checkpoint(model, f"{start.stage}/{start.policy}", seed)
        if start == "initial":
            return self._checkpoint(model, "initial", seed)
        return self._checkpoint(model, "general", seed, None if start == "general" else start)

    def first_start(self, record: NetworkTraining | VarianceAnalysis) -> Checkpoint:
        """Where a network or an analysis starts from: of the first pre-training seed."""
        start = self.study.start_of(record)
        return self.start(record.model, self.study.seeds.pretraining[0], start)

    def pretraining(
        self, model: str, seed: int | str, stage: str, arm: str | None
    ) -> PlannedPretraining:
        """The pre-training of an arm in a stage; `general` has one policy, whatever the arm."""
        if stage == "general":
            assert self.study.general, "the rule is there only where the stage is"
            record: Pretraining = self.study.general
            start, arm = self._checkpoint(model, "initial", seed), self.study.general.policy
        else:
            record, start = self.study.intermediate[stage], self._start_of_arms(model, seed, stage)
        assert arm is not None, "paths of intermediate stages name their arm"
        tokenizer = self.study.models[model].tokenizer
        return PlannedPretraining(
            start=start,
            policy=self.study.policy(arm),
            stage=record.stage,
            shards=self.tokens(record.corpus, tokenizer),
            masks=self.masks(record.corpus, tokenizer, arm),
            mask_manifests=self.mask_manifests(record.corpus, tokenizer, arm),
        )

    def checkpoint_of_arm(
        self, model: str, seed: int | str, stage: str, arm: str, stop: str = ""
    ) -> Checkpoint:
        """The checkpoint that an arm is fine-tuned from: without a policy, what others start from.

        With the `stop` of a path, `/step-{step}`, it is the one that its stage kept then.
        """
        if arm == NO_POLICY:
            return self._start_of_arms(model, seed, stage)
        step = stop.removeprefix("/step-")
        return self._checkpoint(model, f"{stage}/{arm}", seed, int(step) if step else None)

    def held_out(self, model: str, stage: str) -> PlannedHeldOut:
        """What the held-out losses of a stage that asks for them are measured on."""
        record = self.study.intermediate[stage].held_out
        assert record is not None, "the rule is for stages that have one"
        corpus, reader = record.corpus, self.study.models[model]
        return PlannedHeldOut(
            shards=self.tokens(corpus, reader.tokenizer),
            masks=self.masks(corpus, reader.tokenizer, HELD_OUT),
            mask_manifests=self.mask_manifests(corpus, reader.tokenizer, HELD_OUT),
            objective=record.objective_of(reader.family),
        )

    def finetuning(self, model: str, task: str) -> Finetuning:
        """How a model is fine-tuned on a task, all of it.

        Raises InputError when that isn't configured.
        """
        record = _chosen("finetuning", self.study.finetuning, self.study.tasks[task].finetuning)
        return record.of(self.study.models[model].family)

    def search(
        self, model: str, stage: str, arm: str, task: str, pretraining_seed: int | str
    ) -> str:
        """The search for the settings of an arm: its own, or that of the arm that is searched on
        for all, after the first pre-training seed.
        """
        run, seed = Arm(arm, model, stage), pretraining_seed
        if searched_on := self.finetuning(model, task).search_on:
            run, seed = _searched(searched_on, run), self.study.seeds.pretraining[0]
        return f"{self.runs(run, task, seed)}/{SEARCH_FILE}"

    def runs(self, arm: Arm, task: str, pretraining_seed: int | str) -> str:
        """The folder of the runs of an arm on a task after one pre-training."""
        folder = f"{self.study.results}/runs/{arm.model}/{arm.stage}/{arm.name}"
        return f"{folder}/{task}/pretraining-{pretraining_seed}"

    def generation(self, task: str) -> Generation:
        """How predictions of a task are decoded; nothing is, of one that is classified."""
        name = getattr(self.study.tasks[task], "generation", None)
        return Generation() if name is None else _chosen("generation", self.study.generation, name)

    def _checkpoint(
        self, model: str, stage: str, seed: int | str, step: int | None = None
    ) -> Checkpoint:
        return Checkpoint(f"{self.study.results}/models", model, stage, seed, step)

    def _start_of_arms(self, model: str, seed: int | str, stage: str) -> Checkpoint:
        """What every arm of a stage starts from."""
        return self.start(model, seed, self.study.start_of(self.study.intermediate[stage]))


def _chosen(section: str, records: Mapping[str, Record], name: str) -> Record:
    """What a task chooses; tasks that no table shows may do without, until they are run by hand."""
    if name not in records:
        raise InputError(f"{section}.{name}: this key is missing")
    return records[name]
