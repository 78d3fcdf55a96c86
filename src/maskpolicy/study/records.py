"""The records of a study's configuration, each right by itself; `checks` says whether they fit.

Each room keeps the records of its own in `specs.py`; here they meet. Importing this module loads
neither torch nor transformers nor pandas: the Snakefile reads it, and every cluster job reads the
Snakefile.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from maskpolicy.analysis.specs import AnalysedCheckpoint, MaskAnalysis, VarianceAnalysis
from maskpolicy.arms import NO_POLICY, policy_of
from maskpolicy.corpora.specs import Corpus, TokenizerSource
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.learning.registry import NetworkTraining
from maskpolicy.models.specs import Generation, Model
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.pretrained import local_folder
from maskpolicy.sources.base import files_at
from maskpolicy.specs import Count, Name, Seed, Spec
from maskpolicy.tasks.specs import Task
from maskpolicy.training.specs import Finetuning, GeneralPretraining, IntermediatePretraining

Label = Annotated[str, Field(pattern=r"^[^_@][^@]*$")]
"""Words of a legend; Matplotlib leaves those out that begin with a line."""


NO_INPUT = re.compile(r"[{}<>]")
"""What Snakemake takes for a part of a pattern, and there is no way to write it for itself."""


class Policy(Spec):
    """A masking policy and the objective its decisions are trained with."""

    decide: AnyPolicy
    objective: Objective = Objective()
    copies: Count = 1  # masked copies of a sequence in a step: K of Zheng et al. 2020, alg. 1
    label: Label | None = None
    # in figures that join tables of several starts, where equal labels are one arm; without it the
    # name of the policy

    @model_validator(mode="after")
    def _whole_groups(self) -> "Policy":
        masks = getattr(self.decide, "masks", self.copies)
        if self.copies > 1 and masks != self.copies:
            raise ValueError(
                f"`copies: {self.copies}` cuts the groups of `masks: {masks}` masks"
                " that don't overlap: give the same number"
            )
        return self


class Seeds(Spec):
    """The seeds of each random stage; a run is one pair of pre-training and fine-tuning seed."""

    masking: Seed = 0
    policies: Seed = 0  # of training the networks of learned policies
    pretraining: tuple[Seed, ...] = Field((0,), min_length=1)
    finetuning: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)


PaperFigures = dict[str, dict[Name, dict[MetricName, tuple[float, float | None]]]]
"""Published figures by arm, task and metric: (mean, standard deviation), as printed (times 100)."""


class Table(Spec):
    """A result table: one row an arm, one column a task and metric."""

    model: Name
    intermediate: Name | None = None  # the stage; may be left out where there is only one
    arms: tuple[str, ...] = Field(min_length=1)  # policies, `<policy>@control`, or `none`
    tasks: tuple[Name, ...] = Field(min_length=1)
    caption: str = ""
    paper: PaperFigures = Field(default_factory=dict)  # shown beside the measured figures
    mask_analysis: MaskAnalysis | None = None  # drawn where it is given: it annotates the corpus

    @model_validator(mode="after")
    def _masks_something(self) -> "Table":
        if self.mask_analysis and set(self.arms) == {NO_POLICY}:
            raise ValueError("`mask_analysis`: none of the `arms` has masks")
        return self


def results_of(study: str) -> str:
    """The folder of everything that a study of a name makes."""
    return f"results/{study}"


class StudyRecords(Spec):
    """All records of a study. Whether they fit together, a `Study` has checked."""

    # Of the folder of its results, so that studies don't write over each other's: without it the
    # name of the file.
    name: Name = "config"
    seeds: Seeds = Seeds()
    corpora: dict[Name, Corpus]
    tokenizers: dict[Name, TokenizerSource]
    models: dict[Name, Model]
    networks: dict[Name, NetworkTraining] = Field(default_factory=dict)
    policies: dict[Name, Policy]
    general: GeneralPretraining | None = None
    intermediate: dict[Name, IntermediatePretraining] = Field(default_factory=dict)
    tasks: dict[Name, Task] = Field(default_factory=dict)
    # By name; tasks that choose none take `default`.
    finetuning: dict[Name, Finetuning] = Field(default_factory=dict)
    generation: dict[Name, Generation] = Field(default_factory=lambda: {"default": Generation()})
    tables: dict[Name, Table] = Field(default_factory=dict)
    variance: dict[Name, VarianceAnalysis] = Field(default_factory=dict)

    @property
    def results(self) -> str:
        """The folder of everything that the study makes."""
        return results_of(self.name)

    def policy(self, arm: str) -> Policy:
        """The policy of an arm; a control has the record of the policy it is the control of."""
        return self.policies[policy_of(arm)]

    def stage_of(self, table: Table) -> str:
        """The name of the intermediate stage that a table is about."""
        return table.intermediate or next(iter(self.intermediate))

    def start_of(
        self, record: IntermediatePretraining | NetworkTraining | VarianceAnalysis
    ) -> AnalysedCheckpoint:
        """Where it starts from; without a `start` of its own, where most stages do."""
        return record.start or ("general" if self.general else "initial")

    def pretraining(self, stage: str) -> GeneralPretraining | IntermediatePretraining | None:
        """The pre-training stage of a name, if there is one; the general stage is `general`."""
        return self.general if stage == "general" else self.intermediate.get(stage)

    def missing_files(self) -> list[str]:
        """The files that the configuration names and that are not there, each with its key."""
        return [
            f"{'.'.join(key)}: no file or folder {path!r}"
            for key, path in self.named_paths().items()
            if not path or not _files_at(path)
        ]

    def files_read(self, section: str, name: str) -> list[str]:
        """The user's own files that a record names or a pattern of it matches, and of folders those
        directly in them.

        What is not there is left out: a plan may be looked at before it is. So is what is hidden in
        a folder, or has a name there that no input can have.
        """
        files: list[Path] = []
        for key, text in self.named_paths().items():
            if key[:2] != (section, name):
                continue
            for path in _files_at(text):
                if path.is_dir():
                    names = (file for file in path.iterdir() if not NO_INPUT.search(file.name))
                    files += sorted(file for file in names if not file.name.startswith("."))
                else:
                    files.append(path)
        return [str(file) for file in files if file.is_file()]

    def named_paths(self) -> dict[tuple[str, str, str], str]:
        """The files and folders that the configuration names, by section, name and key."""
        paths: dict[tuple[str, str, str], str] = {}
        for name, corpus in self.corpora.items():
            for key, path in corpus.documents.paths().items():
                paths["corpora", name, f"documents.{key}"] = path
        for name, task in self.tasks.items():
            for key, path in task.examples.paths().items():
                paths["tasks", name, f"examples.{key}"] = path
        for section, records in (("models", self.models), ("tokenizers", self.tokenizers)):
            for name, record in records.items():
                named = getattr(record, "pretrained", None)
                if named and (folder := local_folder(named)):  # otherwise it is the id of a hub
                    paths[section, name, "pretrained"] = str(folder)
        for name, network in self.networks.items():
            if oracle := getattr(network, "oracle", None):
                paths["networks", name, "oracle"] = oracle
        return paths


def _files_at(path: str) -> list[Path]:
    """The files and folders of a path or pattern that are there."""
    try:
        return [file for file in files_at(path) if file.exists()]
    except ArtefactError:
        return []
