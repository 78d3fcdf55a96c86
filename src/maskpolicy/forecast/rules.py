"""What the jobs of each rule need, from their work and the rates of a machine.

A method is named as its rule and takes its wildcards.
"""

from collections.abc import Mapping
from dataclasses import replace

from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.arms import NO_POLICY
from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.search import SEARCH_FILE, Setting
from maskpolicy.forecast.models import ModelSize, size_of_model
from maskpolicy.forecast.need import MB, Need
from maskpolicy.forecast.networks import ROWS_AT_ONCE, Batch, Networks
from maskpolicy.forecast.rates import USUAL_RATES, Rates
from maskpolicy.forecast.texts import CorpusSize, Texts
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.selective.specs import PRESETS, SelectiveTraining
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.models.specs import FAMILIES, Generation
from maskpolicy.study.plan import Arm, Plan
from maskpolicy.study.records import Policy
from maskpolicy.study.tables import PlannedTables
from maskpolicy.training.specs import EncoderTraining, Finetuning, Pretraining

MASKED = 0.3
"""Tokens of a target of masked tokens, marks included, to those of the row."""

PREDICTED = 0.15
"""Tokens that an encoder predicts, to those of the row."""

FILLED = 0.5
"""Of the lengths that texts of tasks are cut to, what they have on average."""

KEYS_AT_ONCE = 1 << 26
"""N-grams or pairs that are counted in one reading (`corpora/statistics/ngrams.py`)."""

TRAINED_TOGETHER = ("pretrain_general", "pretrain_intermediate")
"""Rules that run in a process for each GPU; others in one for each core, where in several."""

ON_GPUS = (
    *TRAINED_TOGETHER,
    "train_policy",
    "mask_shard",
    "search_finetuning",
    "finetune",
    "measure_held_out",
    "measure_gradient_variance",
)
"""Rules that are on GPUs where there are any."""

TEXT_AT_ONCE = 300
"""MB of texts while they are cut or annotated."""


class Forecast:
    """What the jobs of a study need.

    `gpu`: whether networks are on a GPU where a rule can use one. Rules without a method do what
    takes a moment.
    """

    def __init__(self, plan: Plan, rates: Rates = USUAL_RATES, *, gpu: bool = False) -> None:
        self.plan, self.rates, self.gpu = plan, rates, gpu
        self.study, self.tables, self.texts = plan.study, PlannedTables(plan), Texts(plan)
        self._networks = Networks(rates.gpu if gpu else rates.cpu, gpu)
        self._sizes: dict[str, ModelSize] = {}

    def need(
        self, rule: str, wildcards: Mapping[str, str], threads: int = 1, gpus: int = 1
    ) -> Need:
        """What the job of a rule needs on a machine that gives it so many cores and GPUs.

        `wildcards` are those of its paths.
        """
        forecast = getattr(self, rule, None)
        processes = gpus if rule in TRAINED_TOGETHER else threads
        return forecast(**wildcards).on(processes) if forecast else self._moment()

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
        shared = tokens / self.rates.annotation
        seconds, memory = self.rates.cpu.start + shared, self.rates.cpu.memory
        return Need(seconds, memory, 3 * tokens / MB, shared=shared, resumes=True)

    def count_statistics(self, corpus: str, tokenizer: str, statistic: str) -> Need:
        """About every second n-gram of a length is new: where those are more than are counted at
        once, the corpus is read again. What occurs often enough is kept.
        """
        tokens = self.texts.corpus(corpus, tokenizer).tokens
        readings = max(1.0, tokens / 2 / KEYS_AT_ONCE)
        seconds = self.rates.start_compiled + readings * tokens / self.rates.counting
        counted = 50 * min(2 * tokens, KEYS_AT_ONCE)
        return Need(seconds, 400 + (counted + 0.8 * tokens) / MB, min(tokens / MB, 100))

    # --- masks ------------------------------------------------------------------------------------

    def mask_corpus(self, corpus: str, tokenizer: str, policy: str) -> Need:
        """Decide for every epoch of all shards; an interrupted job goes on with the next shard."""
        return self._masks(corpus, tokenizer, self.plan.mask_epochs(corpus, policy))

    def mask_shard(self, corpus: str, tokenizer: str, policy: str, shard: str) -> Need:
        """Ask a network once of each token, and decide for every epoch of a shard."""
        networks = list(map(self._network, self.study.policies[policy].decide.networks))
        tokens = self._of_shard(corpus, tokenizer).tokens
        masks = tokens * self.plan.mask_epochs(corpus, policy)
        weights = sum(network.source for network in networks)
        asked = tokens * weights / self._networks.device.inference
        seconds = asked + masks / self.rates.masking
        return self._networks.asked(seconds, networks[0], disk=masks / 8 / MB)

    def mask_held_out(self, corpus: str, tokenizer: str) -> Need:
        """One epoch of random tokens."""
        return self._masks(corpus, tokenizer, 1)

    def match_corpus(self, corpus: str, tokenizer: str, policy: str) -> Need:
        """Move the decisions of every epoch of all shards."""
        return self._masks(corpus, tokenizer, self.plan.mask_epochs(corpus, policy))

    def _masks(self, corpus: str, tokenizer: str, epochs: int) -> Need:
        masks = self.texts.corpus(corpus, tokenizer).tokens * epochs
        shared = masks / self.rates.masking
        seconds = self.rates.start_compiled + shared
        return Need(seconds, 300, masks / 8 / MB, shared=shared, resumes=True)

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
        seconds = steps * self._networks.step(size, batch) + record.epochs * self._networks.forward(
            size, batch._replace(rows=task.dev)
        )
        return self._networks.trained(seconds, size, batch, disk=4 * size.weights / MB)

    def _meta(self, record: MetaTraining) -> Need:
        """Two gradients for each of the inner steps, one before and one after, and one at the end;
        engines differ by less than a half.
        """
        size = self.size(record.model)
        source, target = FILLED * record.source_length, FILLED * record.target_length
        context = FILLED * (record.context_length or 256)
        masked = Batch(record.batch_size, context, MASKED * context, MASKED * context)
        answer = Batch(record.batch_size, source, target, target)
        inner = record.pretrain_steps * self._networks.step(size, masked)
        a_step = 3 * (inner + self._networks.step(size, answer))
        dev = masked.at_once(record.dev_examples)
        seconds = record.steps * a_step + record.evaluations * 3 * self._networks.step(size, dev)
        network = self._tagger(record.model, "meta")
        need = self._networks.trained(seconds, size, masked, disk=4 * network.weights / MB)
        return replace(need, memory=need.memory + 8 * network.weights / MB)

    def _selective(self, record: SelectiveTraining) -> Need:
        size, train = self.size(record.model), self.texts.task(record.task).train
        selector = record.selector or PRESETS[record.preset].selector
        seconds, largest = 0.0, Batch(1, 1)
        for training in (record.classifier, selector):
            batch = Batch(training.batch_size, self._length(training))
            seconds += self._networks.epochs(size, batch, train, training.epochs)
            largest = max(largest, batch, key=lambda one: one.rows * one.source)
        # A token is important to the text that it is left out of: a pass for each.
        length = self._length(record.classifier)
        seconds += self._networks.forward(size, Batch(round(train * length), length))
        return self._networks.trained(seconds, size, largest, disk=4 * size.weights / MB)

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
        return self._pretraining(model, record, self.study.policies[record.policy])

    def pretrain_intermediate(self, model: str, stage: str, policy: str, **_: str) -> Need:
        """The stage of an arm."""
        record = self.study.intermediate[stage]
        return self._pretraining(model, record, self.study.policy(policy))

    def _pretraining(self, model: str, stage: Pretraining, policy: Policy) -> Need:
        size = self.size(model)
        corpus = self.texts.corpus(stage.corpus, self.study.models[model].tokenizer)
        batch = _masked(corpus, policy.objective, stage.batch_size)
        seconds = stage.steps * self._networks.step(
            size, batch, stage.examples_at_once, checkpointed=stage.gradient_checkpointing
        )
        kept = (1 + len(stage.stops)) * 4 * size.weights / MB
        need = self._networks.trained(
            seconds,
            size,
            batch.at_once(stage.examples_at_once),
            disk=kept,
            checkpointed=stage.gradient_checkpointing,
        )
        bytes_a_token = policy.copies * (2 if policy.decide.inserts else 1)
        memory = need.memory + _read(corpus, bytes_a_token)
        return replace(need, memory=memory, shared=seconds)

    def count_cuts(self, model: str, task: str) -> Need:
        """Texts are tokenized."""
        examples = sum(self.texts.task(task))
        seconds = self.rates.cpu.start + examples * self.rates.example
        return Need(seconds, self.rates.cpu.memory + examples / 200)

    def search_finetuning(self, model: str, task: str, **_: str) -> Need:
        """As many fine-tunings as settings are tried, each scored on dev."""
        record = self.plan.finetuning(model, task)
        if record.grid.single:
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
        own = f"{self.plan.runs(Arm(policy, model, stage), task, pretraining_seed)}/{SEARCH_FILE}"
        searched = own == self.plan.search(model, stage, policy, task, pretraining_seed)
        trained = runs - (not stop and searched and record.grid.single is None)
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
                return self._networks.generate(size, read, how, examples)
            return self._networks.forward(size, read._replace(rows=examples))

        seconds, largest = 0.0, read
        for setting in settings:
            batch = read._replace(rows=setting.batch_size or record.batch_size or 1)
            an_epoch = -(-texts.train // batch.rows)
            fixed = record.steps if isinstance(record.steps, int) else None
            steps = setting.steps or fixed or an_epoch * (record.epochs or 1)
            seconds += steps * self._networks.step(size, batch, record.examples_at_once)
            every = record.validate_every or (1 if record.epochs else None)
            if every:
                validations = steps // (every * an_epoch if record.epochs else every)
                seconds += validations * predict(texts.dev, generation.greedy)
            largest = max(largest, batch)
        runs = max(1, len(settings))
        for wanted, examples in zip(predicted, texts, strict=True):
            seconds += wanted * runs * predict(examples, generation)
        need = self._networks.trained(seconds, size, largest.at_once(record.examples_at_once))
        return replace(need, memory=need.memory + sum(texts) / 200)

    def score_runs(self, task: str, **_: str) -> Need:
        """Of all seeds of fine-tuning, dev and test."""
        texts, runs = self.texts.task(task), len(self.study.seeds.finetuning)
        metrics = len(self.study.tasks[task].metrics)
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
        batch = _masked(corpus, objective, ROWS_AT_ONCE)
        checkpoints = 1 if policy == NO_POLICY else 1 + len(record.stops)
        passes = checkpoints * max(1.0, corpus.rows / ROWS_AT_ONCE)
        size = self.size(model)
        need = self._networks.asked(passes * self._networks.forward(size, batch), size, batch)
        return replace(need, memory=need.memory + _read(corpus))

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
        need = self._networks.trained(steps * self._networks.step(size, batch), size, batch)
        need = replace(need, resumes=False)
        apart = 4 * size.source * record.batch_size / MB
        if self.gpu:
            return replace(need, gpu_memory=need.gpu_memory + apart)
        return replace(need, memory=need.memory + apart)

    # --- parts ------------------------------------------------------------------------------------

    def _moment(self, seconds: float = 0.0, memory: float = 250, disk: float = 0.0) -> Need:
        return Need(self.rates.start + seconds, memory, disk)

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
        return ModelSize(d, 2, 0, weights, 0, size.head, size.vocabulary)


def _read(corpus: CorpusSize, bytes_a_token: int = 1) -> float:
    """MB of a corpus whose masks are read (`training/masked_data.py`)."""
    return (bytes_a_token * corpus.tokens + 50 * corpus.rows) / MB


def _masked(corpus: CorpusSize, objective: Objective, rows: int) -> Batch:
    """A batch of masked rows, each between two special tokens."""
    source = corpus.row + 2
    if objective.target == "in-place":
        return Batch(rows, source, 0.0, PREDICTED * source)
    target = source if objective.target == "full" else MASKED * source
    return Batch(rows, source, target, target)
