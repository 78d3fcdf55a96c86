"""What each job needs: seconds, memory and disk, from its work and the rates of a machine.

The work of a network is the weights that its tokens meet (see `rates`). A method is named as its
rule and takes its wildcards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import NamedTuple

from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.arms import NO_POLICY
from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.search import Setting
from maskpolicy.forecast.models import ModelSize, size_of_model
from maskpolicy.forecast.rates import USUAL_RATES, DeviceRates, Rates
from maskpolicy.forecast.texts import CorpusSize, Texts
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.selective.specs import PRESETS, SelectiveTraining
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.models.specs import FAMILIES, Generation
from maskpolicy.study.plan import Plan
from maskpolicy.study.tables import PlannedTables
from maskpolicy.training.specs import EncoderTraining, Finetuning, Pretraining

MB = 1e6

MASKED = 0.3
"""Tokens of a target of masked tokens, marks included, to those of the row."""

PREDICTED = 0.15
"""Tokens that an encoder predicts, to those of the row."""

FILLED = 0.5
"""Of the lengths that texts of tasks are cut to, what they have on average."""

STATE = 12
"""Bytes a weight of an unfinished training: it, and two averages of AdamW."""

TRAINED = STATE + 4
"""Likewise in memory, with its gradient."""

ACTIVATIONS = 34
"""Numbers a hidden unit, layer and token that the backward pass needs (Korthikanti et al. 2022)."""

HELD_OUT_ROWS = 64

TEXT_AT_ONCE = 300
"""MB of texts while they are cut or annotated."""


SAFETY = 2
"""Times the forecast that a job asks for: forecasts of whole rules were right within that."""

SPARE_MINUTES = 10
"""Of every job: its start on a busy node."""


@dataclass(frozen=True)
class Need:
    """What a job needs: seconds, MB of memory and of the GPU's where networks are on one, and MB of
    disk that its result takes.
    """

    seconds: float
    memory: float
    disk: float = 0.0
    gpu_memory: float = 0.0
    shared: float = 0.0  # of the seconds, those that several processes share between them
    resumes: bool = False  # whether an interrupted one goes on where it was

    @property
    def on_gpu(self) -> bool:
        """Whether its networks are on a GPU."""
        return self.gpu_memory > 0

    def on(self, processes: int) -> "Need":
        """What it needs with so many processes, where they share its work."""
        if not self.shared or processes == 1:
            return self
        seconds = self.seconds - self.shared + self.shared / processes
        return replace(self, seconds=seconds, memory=self.memory * processes, shared=0.0)


def asked_memory(need: Need, attempt: int = 1) -> int:
    """MB that a job asks a cluster for; more in each attempt after one that failed."""
    return attempt * ceil(SAFETY * need.memory)


def asked_minutes(need: Need, attempt: int = 1) -> int:
    """Minutes that a job asks a cluster for. A later attempt asks for more, unless it goes on where
    the one before was stopped: partitions refuse, in silence, what is beyond their limit.
    """
    attempts = 1 if need.resumes else attempt
    return attempts * (SPARE_MINUTES + ceil(SAFETY * need.seconds / 60))


class Batch(NamedTuple):
    """A batch as a network reads it: rows, tokens of each source and target, and predictions."""

    rows: int
    source: float
    target: float = 0.0
    predicted: float = 0.0

    def work(self, model: ModelSize) -> float:
        """Weights that its tokens meet, going forward."""
        of_row = model.source * self.source + model.target * self.target
        return self.rows * (of_row + model.head * self.predicted)


class Forecast:
    """What the jobs of a study need.

    `gpu`: whether networks are on a GPU where a rule can use one. Rules without a method do what
    takes a moment.
    """

    def __init__(self, plan: Plan, rates: Rates = USUAL_RATES, *, gpu: bool = False) -> None:
        self.plan, self.rates, self.gpu = plan, rates, gpu
        self.study, self.tables, self.texts = plan.study, PlannedTables(plan), Texts(plan)
        self._sizes: dict[str, ModelSize] = {}

    def need(self, rule: str, wildcards: Mapping[str, str], processes: int = 1) -> Need:
        """What the job of a rule needs. `wildcards` are those of its paths."""
        forecast = getattr(self, rule, None)
        return forecast(**wildcards).on(processes) if forecast else self._moment()

    @cached_property
    def device(self) -> DeviceRates:
        """What networks are on."""
        return self.rates.gpu if self.gpu else self.rates.cpu

    def size(self, model: str) -> ModelSize:
        """The size of a model of the study."""
        if model not in self._sizes:
            record = self.study.models[model]
            vocabulary = self.texts.vocabulary(record.tokenizer)
            self._sizes[model], assumed = size_of_model(record, vocabulary)
            if assumed:
                self.texts.assumed[f"models.{model}"] = assumed
        return self._sizes[model]

    # --- corpora ----------------------------------------------------------------------------------

    def fetch_documents(self, corpus: str) -> Need:
        """Files are read once, and their texts written."""
        tokenizer = next(iter(self.study.tokenizers))
        size = self.texts.corpus(corpus, tokenizer).bytes
        shared = size / self.rates.fetching
        return Need(self.rates.start_compiled + shared, 300, size / MB, shared=shared)

    def train_tokenizer(self, tokenizer: str) -> Need:
        """A BPE holds the words that there are, and not all text."""
        corpora = self.plan.corpora_of(tokenizer)
        size = sum(self.texts.corpus(corpus, tokenizer).bytes for corpus in corpora)
        return self._moment(size / self.rates.fetching, 300 + 0.2 * size / MB)

    def shard_corpus(self, corpus: str, tokenizer: str, shard: str) -> Need:
        """Cut a shard into rows."""
        tokens = self._of_shard(corpus, tokenizer).tokens
        memory = self.rates.cpu.memory + TEXT_AT_ONCE
        seconds = self.rates.cpu.start + tokens / self.rates.sharding
        return Need(seconds, memory, 5 * tokens / MB)

    def annotate_shard(self, corpus: str, tokenizer: str, shard: str) -> Need:
        """SpaCy reads a shard."""
        tokens = self._of_shard(corpus, tokenizer).tokens
        memory = self.rates.cpu.memory + TEXT_AT_ONCE
        seconds = self.rates.cpu.start + tokens / self.rates.annotation
        return Need(seconds, memory, 3 * tokens / MB)

    def count_statistics(self, corpus: str, tokenizer: str, statistic: str) -> Need:
        """Counts of n-grams or pairs grow with the text, though more slowly."""
        tokens = self.texts.corpus(corpus, tokenizer).tokens
        seconds = self.rates.start_compiled + tokens / self.rates.counting
        return Need(seconds, 500 + min(tokens * 16 / MB, 16_000), min(tokens / MB, 100))

    # --- masks ------------------------------------------------------------------------------------

    def mask_corpus(self, corpus: str, tokenizer: str, policy: str) -> Need:
        """Decide for every epoch of all shards."""
        return self._masks(corpus, tokenizer, self.plan.mask_epochs(corpus, policy))

    def mask_shard(self, corpus: str, tokenizer: str, policy: str, shard: str) -> Need:
        """Ask a network once of each token, and decide for every epoch of a shard."""
        networks = list(map(self._network, self.study.policies[policy].decide.networks))
        tokens = self._of_shard(corpus, tokenizer).tokens
        masks = tokens * self.plan.mask_epochs(corpus, policy)
        asked = tokens * sum(network.source for network in networks) / self.device.inference
        seconds = asked + masks / self.rates.masking
        return self._on_device(seconds, networks[0], disk=masks / 8 / MB)

    def mask_held_out(self, corpus: str, tokenizer: str) -> Need:
        """One epoch of random tokens."""
        return self._masks(corpus, tokenizer, 1)

    def match_corpus(self, corpus: str, tokenizer: str, policy: str) -> Need:
        """Move the decisions of every epoch of all shards."""
        return self._masks(corpus, tokenizer, self.plan.mask_epochs(corpus, policy))

    def _masks(self, corpus: str, tokenizer: str, epochs: int) -> Need:
        masks = self.texts.corpus(corpus, tokenizer).tokens * epochs
        shared = masks / self.rates.masking
        return Need(self.rates.start_compiled + shared, 400, masks / 8 / MB, shared=shared)

    # --- tasks ------------------------------------------------------------------------------------

    def index_knowledge(self, knowledge: str) -> Need:
        """Files of tens of gigabytes are read once."""
        size = self.texts.knowledge(knowledge)
        return self._moment(
            size / (10 * self.rates.fetching), 300 + size / 200 / MB, size / 500 / MB
        )

    def prepare_task(self, task: str) -> Need:
        """All examples are in memory."""
        examples = sum(self.texts.task(task))
        return self._moment(
            3 * examples * self.rates.example, 250 + examples / 200, examples / 2000
        )

    def report_leaks(self, task: str, corpus: str) -> Need:
        """Answers are sought in all text."""
        size = self.texts.corpus(corpus, next(iter(self.study.tokenizers))).bytes
        return self._moment(size / self.rates.fetching, 400)

    # --- learned policies -------------------------------------------------------------------------

    def train_policy(self, network: str) -> Need:
        """Each method counts its own steps."""
        record = self.study.networks[network]
        match record:
            case SupervisedTraining():
                return self._supervised(record)
            case MetaTraining():
                return self._meta(record)
            case SelectiveTraining():
                return self._selective(record)

    def _supervised(self, record: SupervisedTraining) -> Need:
        size, task = self._tagger(record.model, "supervised"), self.texts.task(record.task)
        length = record.context_length or 256
        batch = Batch(record.batch_size, FILLED * length)
        steps = record.epochs * -(-task.train // record.batch_size)
        seconds = steps * self._step(size, batch) + record.epochs * self._forward(
            size, batch._replace(rows=task.dev)
        )
        return self._trained(seconds, size, batch, disk=4 * size.weights / MB)

    def _meta(self, record: MetaTraining) -> Need:
        """Two gradients for each of the inner steps, one before and one after, and one at the end;
        engines differ by less than a half.
        """
        size = self.size(record.model)
        source, target = FILLED * record.source_length, FILLED * record.target_length
        context = FILLED * (record.context_length or 256)
        masked = Batch(record.batch_size, context, MASKED * context, MASKED * context)
        answer = Batch(record.batch_size, source, target, target)
        a_step = 3 * record.pretrain_steps * self._step(size, masked) + 3 * self._step(size, answer)
        dev = _with_rows(masked, record.dev_examples)
        seconds = record.steps * a_step + record.evaluations * 3 * self._step(size, dev)
        network = self._tagger(record.model, "meta")
        need = self._trained(seconds, size, masked, disk=4 * network.weights / MB)
        return replace(need, memory=need.memory + 8 * network.weights / MB)

    def _selective(self, record: SelectiveTraining) -> Need:
        size, train = self.size(record.model), self.texts.task(record.task).train
        selector = record.selector or PRESETS[record.preset].selector
        seconds, largest = 0.0, Batch(1, 1)
        for training in (record.classifier, selector):
            batch = Batch(training.batch_size, self._length(training))
            seconds += self._epochs(size, batch, train, training.epochs)
            largest = max(largest, batch, key=lambda one: one.rows * one.source)
        # A token is important to the text that it is left out of: a pass for each.
        length = self._length(record.classifier)
        seconds += self._forward(size, Batch(round(train * length), length))
        return self._trained(seconds, size, largest, disk=4 * size.weights / MB)

    def _length(self, training: EncoderTraining) -> float:
        return FILLED * training.max_length

    # --- training ---------------------------------------------------------------------------------

    def initialise_model(self, model: str, **_: str) -> Need:
        """Weights are drawn, or read and written."""
        weights = self.size(model).weights
        cpu = self.rates.cpu
        return Need(cpu.start + 3e-8 * weights, cpu.memory + 8 * weights / MB, 4 * weights / MB)

    def pretrain_general(self, model: str, **_: str) -> Need:
        """The stage of all arms."""
        record = self.study.general
        assert record, "the rule is there only where the stage is"
        return self._pretraining(model, record, self.study.policies[record.policy].objective)

    def pretrain_intermediate(self, model: str, stage: str, policy: str, **_: str) -> Need:
        """The stage of an arm."""
        record = self.study.intermediate[stage]
        return self._pretraining(model, record, self.study.policy(policy).objective)

    def _pretraining(self, model: str, stage: Pretraining, objective: Objective) -> Need:
        size = self.size(model)
        tokenizer = self.study.models[model].tokenizer
        batch = _masked(self.texts.corpus(stage.corpus, tokenizer), objective, stage.batch_size)
        seconds = stage.steps * self._step(
            size, batch, stage.examples_at_once, checkpointed=stage.gradient_checkpointing
        )
        kept = (1 + len(stage.stops)) * 4 * size.weights / MB
        return self._trained(
            seconds,
            size,
            _with_rows(batch, stage.examples_at_once),
            disk=kept,
            checkpointed=stage.gradient_checkpointing,
        )

    def count_cuts(self, model: str, task: str) -> Need:
        """Texts are tokenized."""
        examples = sum(self.texts.task(task))
        seconds = self.rates.cpu.start + examples * self.rates.example
        return Need(seconds, self.rates.cpu.memory + examples / 200)

    def search_finetuning(
        self, model: str, stage: str, policy: str, task: str, pretraining_seed: str
    ) -> Need:
        """As many fine-tunings as settings are tried, each scored on dev."""
        record = self.plan.finetuning(model, task)
        reused = self.plan.reused_search(model, stage, policy, task, pretraining_seed)
        if reused or record.grid.single:
            return self._moment()
        first = record.grid.first
        tried = [*first, *record.grid.then(first[-1])]
        return self._finetunings(model, task, record, tried, predicted=(False, True, False))

    def finetune(
        self,
        model: str,
        stage: str,
        policy: str,
        task: str,
        pretraining_seed: str,
        stop: str = "",
    ) -> Need:
        """The runs of all seeds. That of the first one is the search's, where that was of this arm;
        settings that were searched are assumed to be the longest.
        """
        record = self.plan.finetuning(model, task)
        runs = len(self.study.seeds.finetuning)
        reused = self.plan.reused_search(model, stage, policy, task, pretraining_seed)
        trained = runs - (not stop and not reused and record.grid.single is None)
        longest = max(record.grid.first, key=lambda setting: setting.steps or 0)
        need = self._finetunings(
            model, task, record, [longest] * trained, predicted=(False, True, True)
        )
        size, texts = self.size(model), self.texts.task(task)
        kept = 4 * size.weights if record.keep else 0
        return replace(need, disk=runs * (200 * (texts.dev + texts.test) + kept) / MB)

    def _finetunings(
        self,
        model: str,
        task: str,
        record: Finetuning,
        settings: list[Setting],
        predicted: tuple[bool, bool, bool],
    ) -> Need:
        size, texts = self.size(model), self.texts.task(task)
        generates = FAMILIES[self.study.models[model].family].task == "seq2seq"
        if generates:
            target = FILLED * (record.target_length or 32)
            read = Batch(1, FILLED * (record.source_length or 128), target, target)
        else:
            read = Batch(1, FILLED * (record.max_length or 256))
        generation = self.plan.generation(task)

        def predict(examples: int, how: Generation) -> float:
            if generates:
                return self._generate(size, read, how, examples)
            return self._forward(size, read._replace(rows=examples))

        seconds, largest = 0.0, read
        for setting in settings:
            batch = read._replace(rows=setting.batch_size or record.batch_size or 1)
            an_epoch = -(-texts.train // batch.rows)
            fixed = record.steps if isinstance(record.steps, int) else None
            steps = setting.steps or fixed or an_epoch * (record.epochs or 1)
            seconds += steps * self._step(size, batch, record.examples_at_once)
            every = record.validate_every or (1 if record.epochs else None)
            if every:
                validations = steps // (every * an_epoch if record.epochs else every)
                seconds += validations * predict(texts.dev, generation.greedy)
            largest = max(largest, batch)
        runs = max(1, len(settings))
        for wanted, examples in zip(predicted, texts, strict=True):
            seconds += wanted * runs * predict(examples, generation)
        need = self._trained(seconds, size, _with_rows(largest, record.examples_at_once))
        return replace(need, memory=need.memory + sum(texts) / 200)

    def score_runs(self, task: str, **_: str) -> Need:
        """Of each seed, dev and test."""
        texts = self.texts.task(task)
        runs, metrics = len(self.study.seeds.finetuning), len(self.study.tasks[task].metrics)
        examples = texts.dev + texts.test
        return self._moment(
            runs * metrics * examples * self.rates.example,
            200 + examples / 200,
            40 * runs * examples / MB,
        )

    # --- tables and analyses ----------------------------------------------------------------------

    def collect_runs(self, table: str) -> Need:
        """What every example of every run contributes."""
        return self._of_runs(table, seconds=1e-6, memory=60)

    def test_significance(self, table: str) -> Need:
        """Each difference is drawn anew ten thousand times."""
        return self._of_runs(table, seconds=4e-5, memory=120)

    def _of_runs(self, table: str, seconds: float, memory: float) -> Need:
        record = self.study.tables[table]
        of_tasks = sum(
            self.texts.task(task).test * len(self.study.tasks[task].metrics)
            for task in record.tasks
        )
        runs = len(self.study.seeds.pretraining) * len(self.study.seeds.finetuning)
        examples = of_tasks * runs * len(self.tables[table].rows)
        return self._moment(examples * seconds, 250 + examples * memory / MB)

    def analyse_masks(self, table: str) -> Need:
        """Every mask of the rows that are drawn."""
        planned, analysis = self.tables[table], self.study.tables[table].mask_analysis
        assert analysis, "the rule is for tables with one"
        stage = planned.stage
        corpus = self.texts.corpus(stage.corpus, self.study.models[planned.model].tokenizer)
        drawn = analysis.share_of(round(corpus.rows)) * corpus.tokens
        masks = drawn * stage.mask_epochs * len(planned.trained_arms)
        seconds = self.rates.start_compiled + 4 + 2 * masks / self.rates.masking
        return Need(seconds + corpus.tokens / 2e7, 500 + 10 * drawn / MB)

    def measure_held_out(self, model: str, stage: str, policy: str, **_: str) -> Need:
        """The loss of each checkpoint on one pass."""
        record = self.study.intermediate[stage]
        assert record.held_out, "the rule is for stages with one"
        corpus = self.texts.corpus(record.held_out.corpus, self.study.models[model].tokenizer)
        objective = record.held_out.objective_of(self.study.models[model].family)
        batch = _masked(corpus, objective, HELD_OUT_ROWS)
        checkpoints = 1 if policy == NO_POLICY else 1 + len(record.stops)
        passes = checkpoints * max(1.0, corpus.rows / HELD_OUT_ROWS)
        size = self.size(model)
        return self._on_device(passes * self._forward(size, batch), size, batch)

    def measure_gradient_variance(self, analysis: str) -> Need:
        """As many gradients as the record says."""
        record: VarianceAnalysis = self.study.variance[analysis]
        size = self.size(record.model)
        of_row = (
            record.reference
            + record.pairs * record.distances
            + 3 * record.groups * record.largest_group
        )
        batch = Batch(record.batch_size, record.length, 0, record.masked)
        # Gradients of single rows are kept apart: of each all weights.
        steps = record.rows * of_row / record.batch_size
        need = self._trained(steps * self._step(size, batch), size, batch)
        apart = 4 * size.source * record.batch_size / MB
        return replace(need, **{"gpu_memory" if self.gpu else "memory": self._memory(need) + apart})

    # --- parts ------------------------------------------------------------------------------------

    def _moment(self, seconds: float = 0.0, memory: float = 250, disk: float = 0.0) -> Need:
        return Need(self.rates.start + seconds, memory, disk)

    def _memory(self, need: Need) -> float:
        return need.gpu_memory if self.gpu else need.memory

    def _of_shard(self, corpus: str, tokenizer: str) -> CorpusSize:
        """Of a shard: all are about equally large."""
        whole, shards = self.texts.corpus(corpus, tokenizer), self.study.corpora[corpus].shards
        return CorpusSize(whole.tokens / shards, whole.rows / shards, whole.bytes / shards)

    def _network(self, name: str) -> ModelSize:
        """What a policy's network decides with."""
        record = self.study.networks[name]
        return self._tagger(record.model, record.method)

    def _tagger(self, model: str, method: str) -> ModelSize:
        """The network of a method on top of a model's embeddings (`policies/*/network.py`)."""
        size = self.size(model)
        if method == "selective":
            return replace(size, head=0)
        d = size.hidden
        # Two bidirectional LSTM layers of 3/8 d, or a convolution over five tokens and a layer.
        weights = int(d * d * (5.25 if method == "supervised" else 2.75))
        layers = 8 if method == "supervised" else 2
        return ModelSize(d, layers, 0, weights, 0, size.head, size.vocabulary)

    def _step(
        self,
        size: ModelSize,
        batch: Batch,
        at_once: int | None = None,
        *,
        checkpointed: bool = False,
    ) -> float:
        """Seconds of a training step: forward, backward, and AdamW."""
        device = self.device
        passes = -(-batch.rows // (at_once or batch.rows))
        again = 4 / 3 if checkpointed else 1.0
        work = again * batch.work(size) / device.training
        return work + 3 * size.layers * passes * device.layer + size.weights / device.update

    def _epochs(self, size: ModelSize, batch: Batch, examples: int, epochs: int) -> float:
        return epochs * -(-examples // batch.rows) * self._step(size, batch)

    def _forward(self, size: ModelSize, batch: Batch) -> float:
        passes = max(1.0, batch.rows / HELD_OUT_ROWS)
        return batch.work(size) / self.device.inference + passes * size.layers * self.device.layer

    def _generate(self, size: ModelSize, read: Batch, how: Generation, examples: int) -> float:
        """Seconds to decode: as many tokens as an answer may have, since one of a batch does."""
        batches = -(-examples // how.batch_size)
        encoding = examples * size.source * read.source / self.device.inference
        work = examples * how.beams * how.max_length * (size.target + size.head)
        steps = batches * how.max_length * 2 * size.decoder_layers * self.device.layer
        return encoding + work / self.device.inference + steps

    def _on_device(
        self, seconds: float, size: ModelSize, batch: Batch | None = None, disk: float = 0.0
    ) -> Need:
        """What a job with a network needs that is not trained."""
        own = 4 * size.weights / MB
        if batch is not None:
            own += 4 * batch.rows * batch.predicted * size.vocabulary / MB
        device = self.device
        if self.gpu:
            return Need(device.start + seconds, device.memory + 200, disk, own + 500)
        return Need(device.start + seconds, device.memory + own, disk)

    def _trained(
        self,
        seconds: float,
        size: ModelSize,
        batch: Batch,
        disk: float = 0.0,
        *,
        checkpointed: bool = False,
    ) -> Need:
        """What a training needs: weights, gradients and averages, and what goes backward."""
        device = self.device
        own = TRAINED * size.weights
        tokens = batch.rows * (batch.source + batch.target)
        layers = 1 if checkpointed else size.layers / (2 if size.decoder_layers else 1)
        own += tokens * ACTIVATIONS * size.hidden * layers * device.bytes
        own += 3 * batch.rows * batch.predicted * size.vocabulary * 4
        need = Need(device.start + seconds, device.memory + own / MB, disk, resumes=True)
        if self.gpu:
            of_machine = device.memory + 8 * size.weights / MB
            return replace(need, memory=of_machine, gpu_memory=own / MB + 500)
        return need


def _with_rows(batch: Batch, rows: int | None) -> Batch:
    """A batch with so many rows, or as it is."""
    return batch if rows is None else batch._replace(rows=rows)


def _masked(corpus: CorpusSize, objective: Objective, rows: int) -> Batch:
    """A batch of masked rows, each between two special tokens."""
    source = corpus.row + 2
    if objective.target == "in-place":
        return Batch(rows, source, 0.0, PREDICTED * source)
    target = source if objective.target == "full" else MASKED * source
    return Batch(rows, source, target, target)
