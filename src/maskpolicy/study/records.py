"""The records of a study's configuration, each right by itself; `checks` says whether they fit.

Each room keeps the records of its own in `specs.py`; here they meet. Importing this module loads
neither torch nor transformers nor pandas: the Snakefile reads it, and every cluster job reads the
Snakefile.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from maskpolicy.analysis.specs import AnalysedCheckpoint, MaskAnalysis, VarianceAnalysis
from maskpolicy.arms import NO_POLICY, policy_of
from maskpolicy.corpora.specs import Corpus, TokenizerSource
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import ArtefactError, listed
from maskpolicy.evaluation.specs import PaperFigures
from maskpolicy.learning.registry import NetworkTraining
from maskpolicy.models.specs import Generation, Model
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.pretrained import local_folder
from maskpolicy.sources.base import files_at
from maskpolicy.sources.knowledge import Knowledge
from maskpolicy.specs import Count, Name, Positive, Seed, Spec, expand_home
from maskpolicy.tasks.specs import Task
from maskpolicy.training.specs import Finetuning, GeneralPretraining, IntermediatePretraining

Label = Annotated[str, Field(pattern=r"^[^_@$][^@$]*$")]
"""Words of a legend; Matplotlib leaves those out that begin with a line, and `$` makes formulas."""


NO_INPUT = re.compile(r"[{}<>]")
"""What Snakemake takes for a part of a pattern, and there is no way to write it for itself."""


MANY_FILES = 1000
"""Files of a folder: one of 300,000 stories is an input as a whole, or no plan would end."""


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


class TableArm(Spec):
    """An arm of a table of which more than its name is said."""

    arm: str
    intermediate: Name | None = None  # its stage, where it is not that of its block
    label: Label | None = None  # of its row; without it the name of the arm
    only_printed: bool = False  # a row of `paper` alone, of any name: nothing is run for it


AnyArm = Annotated[
    Annotated[str, Tag("name")] | Annotated[TableArm, Tag("arm")],
    Discriminator(lambda value: "arm" if isinstance(value, dict | TableArm) else "name"),
]
"""A policy, `<policy>@control`, or `none`: by its name, or with more that is said of it."""


class ArmsOfModel(Spec):
    """Arms that are tested among each other: of one model, in one stage or several."""

    model: Name
    intermediate: Name | None = None  # the stage; may be left out where there is only one
    arms: tuple[AnyArm, ...] = Field(min_length=1)
    paper: PaperFigures = Field(default_factory=dict)  # shown beside the measured figures

    @model_validator(mode="after")
    def _runs_something(self) -> "ArmsOfModel":
        if not self.measured:
            raise ValueError("`arms`: all of them are `only_printed`")
        return self

    @property
    def heading(self) -> str:
        """What stands over its rows, where a table has several blocks."""
        return self.model

    @property
    def entries(self) -> tuple[TableArm, ...]:
        """The arms in full, in the order of the rows."""
        return tuple(TableArm(arm=arm) if isinstance(arm, str) else arm for arm in self.arms)

    @property
    def measured(self) -> tuple[TableArm, ...]:
        """The arms that something is run for."""
        return tuple(arm for arm in self.entries if not arm.only_printed)


class Block(ArmsOfModel):
    """The rows of one model in a table of several."""

    label: Label | None = None  # stands over them; without it the name of the model

    @property
    def heading(self) -> str:
        """What stands over its rows."""
        return self.model if self.label is None else self.label


class _TableOf(Spec):
    """What tables of one block and of several have in common: one column a task and metric."""

    tasks: tuple[Name, ...] = Field(min_length=1)
    caption: str = ""
    average: bool = False  # a last column: the mean over tasks, of the first metric of each
    against: tuple[str, ...] = ()  # rows that all others of their block are compared with, too
    stars: str | None = None  # a row: those better than it get the stars of Gu et al. 2020
    # Points (scores are shown times 100) within which arms count as equivalent, stated before they
    # are run; without it no equivalence is claimed.
    margin: Positive | None = None


class Table(ArmsOfModel, _TableOf):
    """A result table of one model: one row an arm."""

    mask_analysis: MaskAnalysis | None = None  # drawn where it is given: it annotates the corpus

    @model_validator(mode="after")
    def _masks_something(self) -> "Table":
        if self.mask_analysis and {arm.arm for arm in self.measured} == {NO_POLICY}:
            raise ValueError("`mask_analysis`: none of the `arms` has masks")
        return self

    @property
    def blocks(self) -> "tuple[ArmsOfModel, ...]":
        """Itself alone."""
        return (self,)


class TableOfBlocks(_TableOf):
    """A result table of several blocks, each of one model: best and tests are within a block."""

    blocks: tuple[Block, ...] = Field(min_length=1)

    @property
    def mask_analysis(self) -> None:
        """There is none: it is of one corpus and tokenizer."""
        return None


AnyTable = Annotated[
    Annotated[Table, Tag("one block")] | Annotated[TableOfBlocks, Tag("several blocks")],
    Discriminator(
        lambda value: (
            "several blocks"
            if isinstance(value, TableOfBlocks) or (isinstance(value, dict) and "blocks" in value)
            else "one block"
        )
    ),
]


class Row(NamedTuple):
    """A row of a block of a table."""

    name: str  # the arm; where it has rows of several stages, the later ones with their stage
    arm: str
    stage: str
    label: str
    only_printed: bool


def results_of(study: str) -> str:
    """The folder of everything that a study of a name makes."""
    return f"results/{study}"


class StudyRecords(Spec):
    """All records of a study. Whether they fit together, a `Study` has checked."""

    # Of the folder of its results, so that studies don't write over each other's: without it the
    # name of the file.
    name: Name = "config"
    # The folder that relative paths are relative to; without it where the study runs. Paths of the
    # records below begin with it already.
    data_root: Annotated[str, Field(min_length=1), AfterValidator(expand_home)] | None = None
    seeds: Seeds = Seeds()
    corpora: dict[Name, Corpus]
    tokenizers: dict[Name, TokenizerSource]
    models: dict[Name, Model]
    networks: dict[Name, NetworkTraining] = Field(default_factory=dict)
    policies: dict[Name, Policy]
    general: GeneralPretraining | None = None
    intermediate: dict[Name, IntermediatePretraining] = Field(default_factory=dict)
    knowledge: dict[Name, Knowledge] = Field(default_factory=dict)  # where contexts are looked up
    tasks: dict[Name, Task] = Field(default_factory=dict)
    # By name; tasks that choose none take `default`.
    finetuning: dict[Name, Finetuning] = Field(default_factory=dict)
    generation: dict[Name, Generation] = Field(default_factory=lambda: {"default": Generation()})
    tables: dict[Name, AnyTable] = Field(default_factory=dict)
    variance: dict[Name, VarianceAnalysis] = Field(default_factory=dict)

    @property
    def results(self) -> str:
        """The folder of everything that the study makes."""
        return results_of(self.name)

    def policy(self, arm: str) -> Policy:
        """The policy of an arm; a control has the record of the policy it is the control of."""
        return self.policies[policy_of(arm)]

    def stage_of(self, block: ArmsOfModel, arm: TableArm | None = None) -> str:
        """The name of the intermediate stage of a block of a table, or of an arm of it."""
        return (arm and arm.intermediate) or block.intermediate or next(iter(self.intermediate), "")

    def rows_of(self, block: ArmsOfModel) -> list[Row]:
        """The rows of a block; names are unlike where arms or their stages are."""
        rows: list[Row] = []
        for entry in block.entries:
            stage = self.stage_of(block, entry)
            again = any(row.arm == entry.arm for row in rows)
            name = f"{entry.arm} after {stage}" if again else entry.arm
            rows.append(Row(name, entry.arm, stage, entry.label or name, entry.only_printed))
        return rows

    def blocks(self) -> Iterator[tuple[str, str, ArmsOfModel]]:
        """Every block of every table: the name of the table, the key of the block, and it."""
        for name, table in self.tables.items():
            for number, block in enumerate(table.blocks):
                several = f".blocks.{number}" if isinstance(table, TableOfBlocks) else ""
                yield name, f"tables.{name}{several}", block

    def start_of(
        self, record: IntermediatePretraining | NetworkTraining | VarianceAnalysis
    ) -> AnalysedCheckpoint:
        """Where it starts from; without a `start` of its own, where most stages do."""
        return record.start or ("general" if self.general else "initial")

    def pretraining(self, stage: str) -> GeneralPretraining | IntermediatePretraining | None:
        """The pre-training stage of a name, if there is one; the general stage is `general`."""
        return self.general if stage == "general" else self.intermediate.get(stage)

    def missing_files(self, wanted: tuple[str, ...] = ("",)) -> list[str]:
        """The files that the configuration names and that are not there, each with its key.

        `wanted` are beginnings of the keys that matter. Where there is no folder `data_root`, one
        line says so of all that is sought in it.
        """
        missing = {
            key: path
            for names, path in self.named_paths().items()
            if (key := ".".join(names)).startswith(wanted) and (not path or not _files_at(path))
        }
        problems = []
        if (root := self.data_root) and not Path(root).is_dir():
            lost = [key for key, path in missing.items() if Path(path).is_relative_to(root)]
            if lost:
                keys = listed(lost, 3)
                problems.append(f"data_root: no folder {root!r}, where these are sought: {keys}")
            missing = {key: path for key, path in missing.items() if key not in lost}
        return problems + [f"{key}: no file or folder {path!r}" for key, path in missing.items()]

    def files_read(self, section: str, name: str) -> list[str]:
        """The user's own files that a record names or a pattern of it matches, and of folders those
        directly in them, or of a folder with over MANY_FILES the folder.

        What is not there is left out: a plan may be looked at before it is. So is what is hidden in
        a folder, or has a name there that no input can have.
        """
        files: list[Path] = []
        for key, text in self.named_paths().items():
            if key[:2] != (section, name):
                continue
            for path in _files_at(text):
                if path.is_dir():
                    files += _inputs_in(path)
                elif path.is_file():
                    files.append(path)
        return [str(file) for file in files]

    def named_paths(self) -> dict[tuple[str, str, str], str]:
        """The files and folders that the configuration names, by section, name and key."""
        paths: dict[tuple[str, str, str], str] = {}
        for name, corpus in self.corpora.items():
            for key, path in corpus.documents.paths().items():
                paths["corpora", name, f"documents.{key}"] = path
        for name, knowledge in self.knowledge.items():
            paths["knowledge", name, "path"] = knowledge.path
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


def _inputs_in(folder: Path) -> list[Path]:
    """The files directly in a folder, or, where there are too many, the folder."""
    inside = list(islice(folder.iterdir(), MANY_FILES + 1))
    if len(inside) > MANY_FILES:
        return [folder]
    names = (file for file in inside if not NO_INPUT.search(file.name))
    return sorted(file for file in names if not file.name.startswith(".") and file.is_file())


def _files_at(path: str) -> list[Path]:
    """The files and folders of a path or pattern that are there."""
    try:
        return [file for file in files_at(path) if file.exists()]
    except ArtefactError:
        return []
