"""The configuration of a study: typed records, checked as a whole before any job starts.

Each room keeps the records of its own in `specs.py`; here they meet. Importing this module loads
neither torch nor transformers nor pandas: the Snakefile reads it, and every cluster job reads the
Snakefile.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from maskpolicy.analysis.specs import AnalysedCheckpoint, ArmCheckpoint, VarianceAnalysis
from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.corpora.specs import Corpus, TokenizerSource, TrainedTokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.selective.specs import SelectiveTraining
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.models.specs import EncoderModel, Generation, Model, Seq2SeqModel
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.specs import Count, Name, Spec
from maskpolicy.tasks.specs import ClassificationTask, QaTask, Task
from maskpolicy.training.specs import (
    AnyFinetuning,
    EncoderFinetuning,
    GeneralPretraining,
    IntermediatePretraining,
)

RESERVED_STAGES = frozenset({"initial", "general"})
"""Names of checkpoints beside those of the intermediate stages."""


class ConfigError(InputError):
    """The configuration is wrong; the message names the key."""


class Policy(Spec):
    """A masking policy and the objective its decisions are trained with."""

    decide: AnyPolicy
    objective: Objective = Objective()
    copies: Count = 1  # K of paper B, algorithm 1: masked copies of a sequence in one step

    @model_validator(mode="after")
    def _whole_groups(self) -> "Policy":
        if self.copies > 1 and getattr(self.decide, "masks", self.copies) != self.copies:
            raise ValueError(
                f"`copies: {self.copies}` cuts the groups of `masks: {self.decide.masks}` masks"
                " that don't overlap: give the same number"
            )
        return self


LearnedPolicy = Annotated[
    SupervisedTraining | MetaTraining | SelectiveTraining, Field(discriminator="method")
]
"""How a network that policies decide with is trained, by its `method`."""


class Seeds(Spec):
    """The seeds of each random stage; a run is one pair of pre-training and fine-tuning seed."""

    masking: int = 0
    policies: int = 0  # of training learned policies
    pretraining: tuple[int, ...] = Field((0,), min_length=1)
    finetuning: tuple[int, ...] = Field((0, 1, 2), min_length=2)


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


class Study(Spec):
    """A whole study. `Study.load` is how it is read."""

    seeds: Seeds = Seeds()
    corpora: dict[Name, Corpus]
    tokenizers: dict[Name, TokenizerSource]
    models: dict[Name, Model]
    learned: dict[Name, LearnedPolicy] = Field(default_factory=dict)
    policies: dict[Name, Policy]
    general: GeneralPretraining | None = None
    intermediate: dict[Name, IntermediatePretraining] = Field(default_factory=dict)
    tasks: dict[Name, Task] = Field(default_factory=dict)
    finetuning: AnyFinetuning | None = None
    generation: Generation = Generation()
    tables: dict[Name, Table] = Field(default_factory=dict)
    variance: dict[Name, VarianceAnalysis] = Field(default_factory=dict)

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> "Study":
        """Check a configuration as parsed from YAML. Raises ConfigError naming every wrong key."""
        try:
            return cls.model_validate_json(_as_json(config))
        except ValidationError as error:
            lines = [_explain(problem, config) for problem in error.errors(include_url=False)]
            raise ConfigError("\n".join(lines)) from None

    @model_validator(mode="after")
    def _references(self) -> "Study":
        problems = [
            *self._unknown_names(),
            *self._unsuitable_starts(),
            *self._unsuitable_networks(),
            *self._unsuitable_tables(),
            *self._unshown_figures(),
            *self._unsuitable_analyses(),
            *self._unsuitable_policies(),
            *self._unsuitable_lengths(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def policy(self, name: str) -> Policy:
        """The policy of an arm; a control has the record of the policy it is the control of."""
        return self.policies[name.removesuffix(CONTROL)]

    def stage_of(self, table: Table) -> str:
        """The name of the intermediate stage that a table is about."""
        return table.intermediate or next(iter(self.intermediate))

    def start_of(
        self, record: IntermediatePretraining | LearnedPolicy | VarianceAnalysis
    ) -> AnalysedCheckpoint:
        """Where it starts from; without a `start` of its own, where most stages do."""
        return record.start or ("general" if self.general else "initial")

    def missing_files(self) -> list[str]:
        """The files that the configuration names and that are not there, each with its key."""
        sources = {f"corpora.{name}.documents": c.documents for name, c in self.corpora.items()}
        sources |= {f"tasks.{name}.examples": task.examples for name, task in self.tasks.items()}
        sources |= {f"learned.{name}": training for name, training in self.learned.items()}
        return [
            f"{key}.{field}: no file or folder {path!r}"
            for key, source in sources.items()
            for field in ("path", "folder", "train", "dev", "test", "oracle")
            if (path := getattr(source, field, None)) is not None and not Path(path).exists()
        ]

    def _unknown_names(self) -> Iterator[str]:
        def check(key: str, name: str | None, known: Mapping[str, Any]) -> Iterator[str]:
            if name is not None and name not in known:
                yield f"{key}: unknown name {name!r}; known: {', '.join(known) or 'none'}"

        for name, tokenizer in self.tokenizers.items():
            for corpus in getattr(tokenizer, "train_on", ()):
                yield from check(f"tokenizers.{name}.train_on", corpus, self.corpora)
        for name, model in self.models.items():
            yield from check(f"models.{name}.tokenizer", model.tokenizer, self.tokenizers)
        for name, training in self.learned.items():
            yield from check(f"learned.{name}.model", training.model, self.models)
            yield from check(f"learned.{name}.task", training.task, self.tasks)
        for name, policy in self.policies.items():
            for network in policy.decide.networks:
                yield from check(f"policies.{name}.decide.network", network, self.learned)
        if NO_POLICY in self.policies:
            yield f"policies.{NO_POLICY}: the name is taken by the arm without a policy"
        if self.general is not None:
            yield from check("general.corpus", self.general.corpus, self.corpora)
            policy = self.general.policy.removesuffix(CONTROL)
            yield from check("general.policy", policy, self.policies)
        for name, stage in self.intermediate.items():
            yield from check(f"intermediate.{name}.corpus", stage.corpus, self.corpora)
        for name, task in self.tasks.items():
            yield from check(f"tasks.{name}.corpus", getattr(task, "corpus", None), self.corpora)
        for name, table in self.tables.items():
            yield from check(f"tables.{name}.model", table.model, self.models)
            yield from check(f"tables.{name}.intermediate", table.intermediate, self.intermediate)
            for task in table.tasks:
                yield from check(f"tables.{name}.tasks", task, self.tasks)
            for arm in table.arms:
                if arm != NO_POLICY:
                    policy = arm.removesuffix(CONTROL)
                    yield from check(f"tables.{name}.arms", policy, self.policies)
        for name, analysis in self.variance.items():
            yield from check(f"variance.{name}.model", analysis.model, self.models)
            yield from check(f"variance.{name}.corpus", analysis.corpus, self.corpora)
            if isinstance(arm := analysis.start, ArmCheckpoint):
                policy = arm.policy.removesuffix(CONTROL)
                yield from check(f"variance.{name}.start.stage", arm.stage, self.intermediate)
                yield from check(f"variance.{name}.start.policy", policy, self.policies)

    def _unsuitable_starts(self) -> Iterator[str]:
        for name in RESERVED_STAGES & set(self.intermediate):
            yield f"intermediate.{name}: the name is taken by checkpoints that all arms start from"
        starts = {f"intermediate.{name}": stage.start for name, stage in self.intermediate.items()}
        starts |= {f"learned.{name}": training.start for name, training in self.learned.items()}
        starts |= {f"variance.{name}": analysis.start for name, analysis in self.variance.items()}
        kept = self.general.stops if self.general else ()
        for key, start in starts.items():
            if start == "general" and self.general is None:
                yield f"{key}.start: there is no `general` stage"
            elif isinstance(start, int) and start not in kept:
                yield f"{key}.start: {start} is none of the `stops` of `general`"

    def _unsuitable_networks(self) -> Iterator[str]:
        for name, training in self.learned.items():
            model, task = self.models.get(training.model), self.tasks.get(training.task)
            of_encoders = isinstance(training, SelectiveTraining)
            if model and of_encoders != isinstance(model, EncoderModel):
                wanted = "an encoder" if of_encoders else "a sequence-to-sequence model"
                yield f"learned.{name}.model: {training.method} policies need {wanted}"
            if of_encoders:
                suits = isinstance(task, ClassificationTask) and not task.regression
            else:
                suits = isinstance(task, QaTask)
            if task and not suits:
                wanted = "a classification task" if of_encoders else "questions with contexts"
                yield f"learned.{name}.task: {training.method} policies need {wanted}"

    def _unsuitable_tables(self) -> Iterator[str]:
        for name, table in self.tables.items():
            if not self.intermediate:
                yield f"tables.{name}: there is no `intermediate` stage to compare policies in"
            elif table.intermediate is None and len(self.intermediate) > 1:
                stages = ", ".join(self.intermediate)
                yield f"tables.{name}.intermediate: this key is missing; one of: {stages}"
            model = self.models.get(table.model)
            encoder = isinstance(model, EncoderModel)
            if model and encoder != isinstance(self.finetuning, EncoderFinetuning):
                counted = "epochs" if encoder else "steps"
                yield (
                    f"finetuning: {table.model!r} of table {name!r} is of the family"
                    f" {model.family}, whose fine-tuning counts `{counted}`"
                )
            for task in table.tasks:
                known = self.tasks.get(task)
                if model and known and encoder != isinstance(known, ClassificationTask):
                    kind = "classification" if encoder else "question answering"
                    yield f"tables.{name}.tasks: {task!r} is no {kind}, as {table.model!r} needs"

    def _unshown_figures(self) -> Iterator[str]:
        """Published figures of what is not in their table: they would be left out."""
        for name, table in self.tables.items():
            for arm, tasks in table.paper.items():
                if arm not in table.arms:
                    yield f"tables.{name}.paper.{arm}: this is no arm of the table"
                for task, figures in tasks.items():
                    if task not in table.tasks:
                        yield f"tables.{name}.paper.{arm}.{task}: this is no task of the table"
                    elif task in self.tasks:
                        for metric in set(figures) - set(self.tasks[task].metrics):
                            yield (
                                f"tables.{name}.paper.{arm}.{task}: {metric!r} is none of the"
                                f" metrics of {task!r}"
                            )

    def _unsuitable_analyses(self) -> Iterator[str]:
        for name, analysis in self.variance.items():
            if isinstance(self.models.get(analysis.model), Seq2SeqModel):
                yield f"variance.{name}.model: {analysis.model!r} is no encoder"
            corpus = self.corpora.get(analysis.corpus)
            if corpus and analysis.length > corpus.sequence_length:
                yield (
                    f"variance.{name}.length: {analysis.length} tokens are more than the"
                    f" {corpus.sequence_length} of a row of {analysis.corpus!r}"
                )

    def _unsuitable_policies(self) -> Iterator[str]:
        """Policies whose objective, or number of copies, a stage that uses them can't train."""
        for name, model, stage in sorted(self._trainings(), key=str):
            if name not in self.policies or model not in self.models:
                continue
            policy, tokenizer = self.policies[name], self.models[model].tokenizer
            family = self.models[model].family
            problem = policy.objective.incompatibility(family, policy.decide.inserts)
            if problem is not None:
                yield f"policies.{name}.objective: {problem}"
            trained = isinstance(self.tokenizers.get(tokenizer), TrainedTokenizer)
            if trained and policy.objective.source == "sentinel":
                yield (
                    f"policies.{name}.objective: `source: sentinel` needs T5's sentinels, which"
                    f" {tokenizer!r}, the tokenizer of {model!r}, lacks because it is trained"
                )
            for network in set(policy.decide.networks) & set(self.learned):
                training = self.learned[network]
                reads = self.models.get(training.model)
                if reads and reads.tokenizer != tokenizer:
                    yield (
                        f"policies.{name}.decide.network: {network!r} knows the tokens of"
                        f" {reads.tokenizer!r}, but {model!r} reads those of {tokenizer!r}"
                    )
                if stage == "general" and self.start_of(training) != "initial":
                    yield (
                        f"learned.{network}.start: the general stage masks with this network, which"
                        " can't start from what that stage trains: `start: initial`"
                    )
            record = self._pretraining(stage)
            for key in ("batch_size", "mask_epochs"):
                if record and getattr(record, key) % policy.copies:
                    where = stage if stage == "general" else f"intermediate.{stage}"
                    yield (
                        f"{where}.{key}: {getattr(record, key)} is no multiple of the"
                        f" {policy.copies} `copies` of policy {name!r}"
                    )

    def _unsuitable_lengths(self) -> Iterator[str]:
        """Sequences that don't fit into a model of known size."""
        wanted: dict[tuple[str, str], int] = {}  # (key, model) -> tokens, special ones included
        for _, model, stage in self._trainings():
            if (record := self._pretraining(stage)) and record.corpus in self.corpora:
                length = self.corpora[record.corpus].sequence_length
                wanted[f"corpora.{record.corpus}.sequence_length", model] = length + 2
        for table in self.tables.values():
            for field in ("max_length", "source_length", "target_length"):
                if hasattr(self.finetuning, field):
                    tokens = getattr(self.finetuning, field)
                    wanted[f"finetuning.{field}", table.model] = tokens
        for name, training in self.learned.items():
            for field in ("classifier", "selector"):
                if part := getattr(training, field, None):
                    wanted[f"learned.{name}.{field}.max_length", training.model] = part.max_length
        for name, analysis in self.variance.items():
            wanted[f"variance.{name}.length", analysis.model] = analysis.length + 2
        for (key, name), tokens in sorted(wanted.items()):
            architecture = self.models[name].architecture if name in self.models else None
            if architecture and tokens > architecture.max_positions:
                yield (
                    f"{key}: with special tokens {tokens} tokens, which are more than the"
                    f" {architecture.max_positions} `max_positions` of {name!r}"
                )

    def _pretraining(self, stage: str) -> GeneralPretraining | IntermediatePretraining | None:
        return self.general if stage == "general" else self.intermediate.get(stage)

    def _trainings(self) -> set[tuple[str, str, str]]:
        """(policy, model, stage) of everything that the study may train."""
        arms = {
            (arm.removesuffix(CONTROL), table.model, self.stage_of(table))
            for table in self.tables.values()
            if table.intermediate or self.intermediate
            for arm in table.arms
        }
        arms |= {
            (start.policy.removesuffix(CONTROL), analysis.model, start.stage)
            for analysis in self.variance.values()
            if isinstance(start := analysis.start, ArmCheckpoint)
        }
        if self.general is not None:
            models = {table.model for table in self.tables.values()}
            models |= {training.model for training in self.learned.values()}
            models |= {analysis.model for analysis in self.variance.values()}
            arms |= {(self.general.policy.removesuffix(CONTROL), m, "general") for m in models}
        unused = set(self.policies) - {policy for policy, _, _ in arms}
        # A policy that no table asks for may be run by hand, with the models that there are.
        families = {model.family: name for name, model in self.models.items()}
        if len(families) == 1:
            arms |= {(policy, name, "") for policy in unused for name in families.values()}
        return arms


def _as_json(config: Mapping[str, Any]) -> str:
    # Through JSON, because strict validation takes a list for a tuple only from JSON.
    try:
        return json.dumps(config)
    except TypeError as error:
        raise ConfigError(
            f"the configuration holds something that is not plain data: {error}"
        ) from None


def _explain(problem: Mapping[str, Any], config: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif problem["type"] == "missing":
        message = "this key is missing"
    elif "input" in problem and not isinstance(problem["input"], dict):
        message = f"{message}, not {problem['input']!r}"
    key = ".".join(_written_keys(problem, config))
    return f"{key}: {message}" if key else message


def _written_keys(problem: Mapping[str, Any], config: Any) -> Iterator[str]:
    # Pydantic's location also names the member of a union that was tried; the user wrote no such
    # key.
    for part in problem["loc"]:
        if (isinstance(config, Mapping) and part in config) or (
            isinstance(config, list) and isinstance(part, int)
        ):
            config = config[part]
        elif not (problem["type"] == "missing" and part == problem["loc"][-1]):
            continue
        yield str(part)
