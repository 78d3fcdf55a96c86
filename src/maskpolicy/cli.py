"""The command line: `maskpolicy <stage> …`, one command a stage.

It is the only place that parses arguments. Each command imports the room it needs when it runs:
start-up counts when a study has a hundred jobs.
"""

import sys
from contextlib import nullcontext
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter, ValidationError

from maskpolicy.analysis.specs import MaskAnalysis, StoppedTable, TableFiles, VarianceAnalysis
from maskpolicy.corpora.specs import (
    DocumentLimit,
    DocumentSource,
    PretrainedTokenizer,
    TokenizerSource,
)
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError, counted
from maskpolicy.gpus import take_devices
from maskpolicy.learning.registry import NetworkTraining
from maskpolicy.models.specs import Generation, Model
from maskpolicy.policies.registry import AnyPolicy
from maskpolicy.reporting.specs import ShownBlock
from maskpolicy.tasks.specs import Task
from maskpolicy.training.ownership import owned
from maskpolicy.training.specs import Finetuning, Pretraining

app = typer.Typer(
    help="Which tokens should a language model learn to predict? One command a stage of a study.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _record(kind: Any, metavar: str) -> Any:
    """An option that takes one record of the configuration as JSON."""

    def parse(text: str) -> Any:
        try:
            return TypeAdapter(kind).validate_json(text)
        except ValidationError as error:
            problems = (
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
                for problem in error.errors(include_url=False)
            )
            raise typer.BadParameter("; ".join(problems)) from None

    return typer.Option(parser=parse, metavar=metavar, help=f"a {metavar.lower()} record as JSON")


def _of_folders(paths: list[Path]) -> list[Path]:
    """Token shards, where a folder stands for all that lie in it."""
    from maskpolicy.corpora.shards import shards_in

    return [shard for path in paths for shard in (shards_in(path) if path.is_dir() else [path])]


Output = Annotated[Path, typer.Option(help="the file or folder to write")]
DocumentsFolder = Annotated[Path, typer.Option(help="the folder `documents` of a corpus")]
Shard = Annotated[Path, typer.Option(help="a token shard")]
Shards = Annotated[
    list[Path],
    # A thousand paths are more than an argument may hold.
    typer.Argument(callback=_of_folders, help="token shards in order, or the folder of all"),
]
TokenizerFolder = Annotated[Path, typer.Option(help="folder with tokenizer.json")]
CorpusName = Annotated[str, typer.Option(help="name of the corpus, part of the random address")]
MasksFolder = Annotated[Path, typer.Option(help="folder of the masks, a manifest for each shard")]
Processes = Annotated[int, typer.Option(help="that share the work")]
Checkpoint = Annotated[Path, typer.Option(help="folder of a transformers checkpoint")]
Seed = Annotated[int, typer.Option(help="seed of this stage's random choices")]
State = Annotated[Path, typer.Option(help="folder where what an unfinished job has done is kept")]
TableFilesJson = Annotated[Path, typer.Argument(help="what the table is made of")]
Title = Annotated[str, typer.Option(help="name shown beside the progress bar")]


def main() -> None:
    """Run the command line; mistakes of the user end in one line, not in a traceback."""
    try:
        take_devices()
        app()
    except InputError as error:
        print(f"maskpolicy: error: {error}", file=sys.stderr)
        sys.exit(1)


# --- the configuration ----------------------------------------------------------------------------


@app.command()
def check_study(
    file: Annotated[Path, typer.Argument(help="the configuration of a study, as YAML")],
    data_root: Annotated[
        str | None, typer.Option(help="folder of its data, in place of the `data_root` it names")
    ] = None,
) -> None:
    """Check a configuration: what is wrong with it, by file and line or by key."""
    from maskpolicy.study.loading import load_study

    study = load_study(file, data_root)
    for problem in study.missing_files():
        print(f"Before a run this is wanted: {problem}")
    print(f"{file}: {counted(len(study.tables), 'table')}, no mistakes found")


ConfigurationFile = Annotated[
    Path, typer.Option(help="the configuration of a study, as YAML", exists=True, dir_okay=False)
]
Cores = Annotated[
    int | None, typer.Option(help="of the machines; without it those of this one", min=1)
]
RatesFile = Annotated[Path | None, typer.Option(help="what `calibrate` measured")]


@app.command()
def plan(
    configfile: ConfigurationFile = Path("config.yaml"),
    gpus: Annotated[int, typer.Option(help="that networks run on; 0: on cores", min=0)] = 0,
    cores: Cores = None,
    rates: RatesFile = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="of the cluster: how many GPUs and cores it gives a job; else one GPU"),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="write the forecast there, too")] = None,
) -> None:
    """Forecast what a study will cost before anything runs: hours, memory, disk, and power."""
    from maskpolicy.forecast.rates import rates_of
    from maskpolicy.forecast.report import print_forecast
    from maskpolicy.forecast.schedule import Machines, machine_cores
    from maskpolicy.forecast.summary import forecast_study

    machines = Machines(cores or machine_cores(), gpus)
    forecast = forecast_study(configfile, machines, rates_of(rates), profile)
    print_forecast(forecast)
    if json:
        forecast.write(json)


@app.command()
def costs(
    configfile: ConfigurationFile = Path("config.yaml"),
    gpu: Annotated[bool, typer.Option("--gpu", help="networks ran on GPUs")] = False,
    cores: Cores = None,
    rates: RatesFile = None,
    json: Annotated[Path | None, typer.Option(help="write the costs there, too")] = None,
) -> None:
    """Show what a study cost: what was forecast and measured by rule, hours and energy by arm."""
    from maskpolicy.forecast.actual import study_cost
    from maskpolicy.forecast.rates import rates_of
    from maskpolicy.forecast.report import print_cost
    from maskpolicy.forecast.schedule import Machines, machine_cores

    machines = Machines(cores or machine_cores(), int(gpu))
    cost = study_cost(configfile, machines, rates_of(rates))
    print_cost(cost)
    if json:
        cost.write(json)


@app.command()
def calibrate(output: Output) -> None:
    """Measure how fast this machine is, in about a minute, for `plan --rates`."""
    from maskpolicy.forecast.calibration import calibrate

    calibrate(output)


@app.command()
def inspect(
    source: Annotated[str, typer.Option(help="its format, as `describe sources` lists them")],
    file: Annotated[
        str | None, typer.Argument(help="a file, folder or quoted pattern; none of a package")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="a further key of the source, as dev=FILE")
    ] = None,
    show: Annotated[int, typer.Option(help="how many of each split to show", min=0)] = 3,
) -> None:
    """Show what a source reads out of a file: how much, the first examples, what is left out."""
    from maskpolicy.reporting.inspection import print_inspection
    from maskpolicy.sources.chosen import sources_of

    for given in sources_of(source, file, key or []):
        print_inspection(given, show)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="a release, as `describe releases` lists them")],
    output: Annotated[Path, typer.Option(help="where a folder of its name goes")] = Path("data"),
    unpack: Annotated[bool, typer.Option(help="unpack its archives, beside them")] = False,
) -> None:
    """Download a public release, going on where it broke off, and check it."""
    from maskpolicy.reporting.terminal import print_ways_on
    from maskpolicy.sources.fetching import fetch_release, ways_on

    fetch_release(name, output / name, unpack)
    print_ways_on(ways_on(name, output / name))


# --- corpora --------------------------------------------------------------------------------------


@app.command()
def fetch_documents(
    source: Annotated[Any, _record(DocumentSource, "SOURCE")],
    output: Output,
    limit: Annotated[Any, _record(DocumentLimit | None, "LIMIT")] = None,
    deduplicate: Annotated[
        bool, typer.Option(help="leave out texts that were there before")
    ] = False,
    processes: Annotated[int, typer.Option(help="that read several files at a time")] = 1,
) -> None:
    """Read a corpus's source and write its documents (document, title, text) as Arrow."""
    from maskpolicy.corpora.fetching import fetch_documents

    fetch_documents(source, output, limit=limit, deduplicate=deduplicate, processes=processes)


@app.command()
def train_tokenizer(
    spec: Annotated[Any, _record(TokenizerSource, "TOKENIZER")],
    output: Output,
    documents: Annotated[list[Path] | None, typer.Argument(help="texts to train on")] = None,
) -> None:
    """Train a byte-level BPE on documents, or copy the tokenizer of a pre-trained model."""
    from maskpolicy.corpora.tokenizer import import_tokenizer, train_tokenizer

    if isinstance(spec, PretrainedTokenizer):
        import_tokenizer(spec.pretrained, output)
    else:
        train_tokenizer(documents or [], spec, output)


@app.command()
def shard_corpus(
    documents: DocumentsFolder,
    tokenizer: TokenizerFolder,
    sequence_length: Annotated[int, typer.Option(help="tokens in a row, at most")],
    shard: Annotated[int, typer.Option(help="which shard to write, from 0")],
    shards: Annotated[int, typer.Option(help="how many shards there are")],
    rows: Annotated[Literal["passages", "sentences"], typer.Option(help="what a row holds")],
    output: Output,
) -> None:
    """Cut one shard's documents into token rows."""
    from maskpolicy.corpora.sharding import shard_corpus

    shard_corpus(
        documents,
        tokenizer,
        output,
        sequence_length=sequence_length,
        shard=shard,
        shards=shards,
        rows_of=rows,
    )


@app.command()
def annotate_shard(
    shard: Shard,
    documents: DocumentsFolder,
    tokenizer: TokenizerFolder,
    state: State,
    output: Output,
    processes: Processes = 1,
) -> None:
    """Find the named entities and parts of speech of a shard with spaCy."""
    with owned(state):
        from maskpolicy.corpora.annotation import annotate_shard

        annotate_shard(shard, documents, tokenizer, output, state=state, processes=processes)


# --- masks ----------------------------------------------------------------------------------------


@app.command()
def count_statistics(
    shards: Shards,
    statistic: Annotated[str, typer.Option(help="what to count: collocations, cooccurrence, …")],
    output: Output,
) -> None:
    """Count what some policies need to know of the whole corpus."""
    from maskpolicy.corpora.statistics.registry import count_statistics

    count_statistics(statistic, shards, output)


@app.command()
def mask_shard(
    shard: Shard,
    corpus: CorpusName,
    policy: Annotated[str, typer.Option(help="name of the policy, part of the random address")],
    spec: Annotated[Any, _record(AnyPolicy, "POLICY")],
    seed: Seed,
    epochs: Annotated[int, typer.Option(help="masks to make for each row")],
    output: Annotated[Path, typer.Option(help="manifest; decisions go beside it, by epoch")],
    annotations: Annotated[Path | None, typer.Option(help="annotations of the shard")] = None,
    statistics: Annotated[Path | None, typer.Option(help="folder of corpus statistics")] = None,
    networks: Annotated[Path | None, typer.Option(help="folder of trained networks")] = None,
) -> None:
    """Apply a masking policy to a shard: decisions for each epoch, and the realised budget."""
    from maskpolicy.policies.masking import ShardMasks, mask_shard

    masks = ShardMasks(shard, corpus, policy, seed, range(epochs), manifest=output)
    mask_shard(masks, spec, annotations=annotations, statistics=statistics, networks=networks)


@app.command()
def mask_corpus(
    shards: Shards,
    corpus: CorpusName,
    policy: Annotated[str, typer.Option(help="name of the policy, part of the random address")],
    spec: Annotated[Any, _record(AnyPolicy, "POLICY")],
    seed: Seed,
    epochs: Annotated[int, typer.Option(help="masks to make for each row")],
    output: MasksFolder,
    annotations: Annotated[Path | None, typer.Option(help="folder of the shards' ones")] = None,
    statistics: Annotated[Path | None, typer.Option(help="folder of corpus statistics")] = None,
    processes: Processes = 1,
) -> None:
    """Apply a policy without a network to all shards; those that are masked by it are kept."""
    from maskpolicy.policies.masking import CorpusMasks, mask_corpus

    masks = CorpusMasks(shards, corpus, policy, seed, range(epochs), output)
    mask_corpus(masks, spec, annotations=annotations, statistics=statistics, processes=processes)


@app.command()
def match_corpus(
    shards: Shards,
    matched: Annotated[Path, typer.Option(help="folder of the policy's masks")],
    corpus: CorpusName,
    policy: Annotated[str, typer.Option(help="name of the control, part of the random address")],
    spec: Annotated[Any, _record(AnyPolicy, "POLICY")],
    seed: Seed,
    epochs: Annotated[int, typer.Option(help="masks to make for each row")],
    output: MasksFolder,
    processes: Processes = 1,
) -> None:
    """Move a policy's masks of all shards to random places: its matched-budget control."""
    from maskpolicy.policies.masking import CorpusMasks, match_corpus

    masks = CorpusMasks(shards, corpus, policy, seed, range(epochs), output)
    match_corpus(masks, spec, matched, processes=processes)


# --- tasks ----------------------------------------------------------------------------------------


@app.command()
def index_knowledge(
    file: Annotated[Path, typer.Argument(help="pages as JSON lines, as KILT releases them")],
    output: Output,
) -> None:
    """Find where each page of a knowledge source stands."""
    from maskpolicy.sources.knowledge import index_pages

    index_pages(file, output)


@app.command()
def prepare_task(
    task: Annotated[Any, _record(Task, "TASK")],
    output: Output,
    knowledge: Annotated[Path | None, typer.Option(help="index of what contexts stand in")] = None,
) -> None:
    """Write the train, dev and test split of a downstream task."""
    from maskpolicy.tasks.prepare import prepare_task

    prepare_task(task, output, knowledge)


@app.command()
def check_contexts(
    task: Annotated[Path, typer.Option(help="folder with train.arrow and dev.arrow")],
    task_name: Annotated[str, typer.Option(help="as the configuration names it")],
    network: Annotated[str, typer.Option(help="likewise, what learns from the task")],
    output: Output,
) -> None:
    """Refuse a task without contexts for a network that learns from them."""
    from maskpolicy.tasks.contexts import check_contexts

    check_contexts(task, task_name, network, output)


@app.command()
def count_cuts(
    task: Annotated[Path, typer.Option(help="folder with train.arrow, dev.arrow and test.arrow")],
    task_name: Annotated[str, typer.Option(help="as the record names it")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    finetuning: Annotated[Any, _record(Finetuning, "FINETUNING")],
    generation: Annotated[Any, _record(Generation, "GENERATION")],
    output: Output,
) -> None:
    """Count the examples of a task that fine-tuning does not read whole."""
    from maskpolicy.training.cuts import count_cuts
    from maskpolicy.training.finetune import FinetuneInputs

    inputs = FinetuneInputs(checkpoint, tokenizer, task, finetuning, generation)
    count_cuts(inputs, task_name, output)


# --- learned policies -----------------------------------------------------------------------------


@app.command()
def train_policy(
    task: Annotated[Path, typer.Option(help="folder with train.arrow and dev.arrow")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    training: Annotated[Any, _record(NetworkTraining, "TRAINING")],
    seed: Seed,
    title: Title,
    state: State,
    output: Output,
) -> None:
    """Train the network of a learned policy on the train and dev split of a task."""
    from maskpolicy.learning.files import PolicyFiles
    from maskpolicy.learning.registry import train_policy

    files = PolicyFiles(task, checkpoint, tokenizer, state, output)
    with owned(state):
        train_policy(files, training, seed, title)


# --- training -------------------------------------------------------------------------------------


@app.command()
def initialise_model(
    model: Annotated[Any, _record(Model, "MODEL")],
    tokenizer: TokenizerFolder,
    seed: Seed,
    output: Output,
) -> None:
    """Write the checkpoint a study starts from: fresh weights, or a pre-trained model's."""
    from maskpolicy.models.initialise import initialise_model

    initialise_model(model, tokenizer, seed, output)


@app.command()
def import_fairseq(
    checkpoint: Annotated[Path, typer.Argument(help="a `.pt` of a BART that fairseq trained")],
    tokenizer: Annotated[str, typer.Option(help="folder or hub id, with the same ids")],
    output: Output,
) -> None:
    """Write a BART of fairseq, as bart.base/model.pt, as a checkpoint of transformers."""
    from maskpolicy.models.fairseq_bart import import_bart

    import_bart(checkpoint, tokenizer, output)


@app.command()
def pretrain(
    shards: Shards,
    masks: Annotated[Path, typer.Option(help="folder of decisions")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    objective: Annotated[Any, _record(Objective, "OBJECTIVE")],
    copies: Annotated[int, typer.Option(help="masked copies of a sequence in one step")],
    stage: Annotated[Any, _record(Pretraining, "STAGE")],
    seed: Seed,
    title: Title,
    state: State,
    output: Output,
    processes: Annotated[
        int, typer.Option(help="that train together, a GPU each, if there are GPUs")
    ] = 1,
    nodes: Annotated[int, typer.Option(help="of a job of Slurm, with as many of them each")] = 1,
) -> None:
    """Continue training a checkpoint on a masked corpus."""
    from maskpolicy.training.processes import is_started, joined_processes, start_processes

    stage.refuse_processes(max(processes, nodes))
    # Of several processes the one that starts the others owns what they train.
    with nullcontext() if is_started() else owned(state):
        start_processes(processes, nodes)
        from maskpolicy.training.masked_data import MaskedCorpus
        from maskpolicy.training.pretrain import pretrain
        from maskpolicy.training.trainers.base import PretrainingJob

        decisions = _decisions(masks, stage.mask_epochs, shards)
        corpus = MaskedCorpus(shards, decisions, objective, tokenizer, seed)
        job = PretrainingJob(checkpoint, corpus, copies, stage, seed, title)
        with joined_processes() as joined:
            pretrain(job, state, output, joined)


@app.command()
def export_pairs(
    shards: Shards,
    masks: Annotated[Path, typer.Option(help="folder of decisions")],
    objective: Annotated[Any, _record(Objective, "OBJECTIVE")],
    tokenizer: TokenizerFolder,
    epochs: Annotated[int, typer.Option(help="masks of a row, each gives a pair")],
    seed: Seed,
    max_length: Annotated[int, typer.Option(help="tokens of a source or target, cut beyond")],
    output: Output,
    format: Annotated[
        Literal["arrow", "jsonl"], typer.Option(help="jsonl has texts too")
    ] = "arrow",
) -> None:
    """Write the (source, target) pairs of a masked corpus, for other trainers."""
    from maskpolicy.training.masked_data import MaskedCorpus
    from maskpolicy.training.pairs import export_pairs

    decisions = _decisions(masks, epochs, shards)
    corpus = MaskedCorpus(shards, decisions, objective, tokenizer, seed)
    export_pairs(corpus, max_length, output, format)


@app.command()
def export_masks(
    shards: Shards,
    masks: Annotated[Path, typer.Option(help="folder of decisions")],
    tokenizer: TokenizerFolder,
    output: Output,
) -> None:
    """Write a masked corpus as a data set for `datasets` and transformers' Trainer, with a card."""
    from maskpolicy.corruption.mask_dataset import export_masks

    export_masks(shards, masks, tokenizer, output)


@app.command()
def export_model(
    folder: Annotated[Path, typer.Argument(help="a checkpoint, or a run that kept its model")],
    output: Output,
) -> None:
    """Write a model with its tokenizer and a model card, as from_pretrained and the hub want it."""
    from maskpolicy.training.model_export import export_model

    export_model(folder, output)


@app.command()
def export_logs(
    folder: Annotated[Path, typer.Argument(help="of a study's results, or of one training")],
    to: Annotated[Literal["tensorboard", "trackio"], typer.Option(help="who shows the curves")],
    output: Output,
) -> None:
    """Hand the logs of trainings, of running ones too, to a program that shows curves."""
    from maskpolicy.training.log_export import export_logs

    print(f"Look at them with: {export_logs(folder, to, output)}")


def _decisions(masks: Path, epochs: int, shards: list[Path]) -> list[list[Path]]:
    """The files of decisions of each epoch, in the order of the shards."""
    from maskpolicy.decisions.files import decision_file

    return [[decision_file(masks, epoch, shard) for shard in shards] for epoch in range(epochs)]


@app.command()
def search_finetuning(
    task: Annotated[Path, typer.Option(help="folder with train.arrow and dev.arrow")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    finetuning: Annotated[Any, _record(Finetuning, "FINETUNING")],
    generation: Annotated[Any, _record(Generation, "GENERATION")],
    metric: Annotated[str, typer.Option(help="what the choice is made by")],
    seed: Seed,
    title: Title,
    state: State,
    output: Output,
) -> None:
    """Choose the settings of fine-tuning on the dev split."""
    from maskpolicy.evaluation.search import only_setting

    if finetuning.learning_rates and (setting := finetuning.grid.single):
        only_setting(setting, metric).write(output)
        return
    from maskpolicy.training.finetune import FinetuneInputs, search_finetuning

    inputs = FinetuneInputs(checkpoint, tokenizer, task, finetuning, generation)
    with owned(state):
        search_finetuning(inputs, metric, seed, title, state=state, output=output)


@app.command()
def finetune(
    task: Annotated[Path, typer.Option(help="folder with train.arrow, dev.arrow and test.arrow")],
    search: Annotated[Path, typer.Option(help="result of search-finetuning")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    finetuning: Annotated[Any, _record(Finetuning, "FINETUNING")],
    generation: Annotated[Any, _record(Generation, "GENERATION")],
    metric: Annotated[str, typer.Option(help="what weights are chosen by, where dev chooses")],
    model_name: Annotated[str, typer.Option(help="as the run's record names it")],
    policy: Annotated[str, typer.Option(help="the arm")],
    task_name: Annotated[str, typer.Option(help="likewise")],
    pretraining_seed: Annotated[int, typer.Option(help="of the checkpoint")],
    run: Annotated[
        list[str], typer.Option(help="SEED=FOLDER to write; may be given several times")
    ],
    state: State,
    step: Annotated[int | None, typer.Option(help="where the checkpoint is not the last")] = None,
) -> None:
    """Fine-tune with one seed after another, and predict the dev and test split."""
    from maskpolicy.evaluation.predictions import NamedRun
    from maskpolicy.evaluation.search import Search
    from maskpolicy.training.finetune import FinetuneInputs, finetune

    runs = {}
    for each in run:
        seed, _, folder = each.partition("=")
        if not seed.lstrip("-").isdecimal() or not folder:
            raise typer.BadParameter(f"{each!r}: SEED=FOLDER is expected", param_hint="--run")
        runs[Path(folder)] = NamedRun(
            model=model_name,
            policy=policy,
            task=task_name,
            pretraining_seed=pretraining_seed,
            seed=int(seed),
            step=step,
        )
    inputs = FinetuneInputs(checkpoint, tokenizer, task, finetuning, generation)
    with owned(state):
        finetune(inputs, metric, Search.read(search).setting, runs, state=state)


@app.command()
def report_leaks(
    task: Annotated[Path, typer.Option(help="folder with dev.arrow and test.arrow")],
    task_name: Annotated[str, typer.Option(help="as the configuration names it")],
    documents: DocumentsFolder,
    corpus: Annotated[str, typer.Option(help="likewise, whose documents they are")],
    output: Output,
) -> None:
    """Count how many held-out examples stand in a corpus that models read before."""
    from maskpolicy.tasks.leaks import report_leaks

    report_leaks(task, task_name, documents, corpus, output)


# --- results --------------------------------------------------------------------------------------


@app.command()
def check_metrics(
    task: Annotated[Path, typer.Option(help="folder with a .arrow file of each split")],
    task_name: Annotated[str, typer.Option(help="as the configuration names it")],
    metric: Annotated[list[str], typer.Option(help="may be given several times")],
    output: Output,
    majority: Annotated[Path, typer.Option(help="what the commonest answer scores goes here")],
) -> None:
    """Refuse metrics that can't score a task's own answers; score its commonest answer, too."""
    from maskpolicy.tasks.majority import score_majority
    from maskpolicy.tasks.scorable import check_metrics

    check_metrics(task, task_name, metric, output)
    score_majority(task, task_name, metric, majority)


@app.command()
def score_runs(
    predictions: Annotated[list[Path], typer.Argument(help="manifest.json of every run")],
    metric: Annotated[list[str], typer.Option(help="may be given several times")],
) -> None:
    """Score what fine-tuned models predict; metrics.json is written beside each manifest."""
    from maskpolicy.evaluation.scoring import score_runs

    score_runs(predictions, metric)


@app.command()
def collect_runs(
    files: TableFilesJson,
    csv: Annotated[Path, typer.Option(help="the runs to read")],
    arrow: Annotated[Path, typer.Option(help="the runs with what every example contributes")],
) -> None:
    """Gather the runs of a table, all arms with all seeds."""
    from maskpolicy.evaluation.collection import collect_runs

    made_of = TableFiles.read(files)
    collect_runs(made_of.rows, csv, arrow, made_of.test_splits)


@app.command()
def test_significance(
    runs: Path,
    output: Output,
    against: Annotated[list[str] | None, typer.Option(help="a row to compare all with")] = None,
    stars: Annotated[str | None, typer.Option(help="the row that stars are against")] = None,
    average: Annotated[
        bool, typer.Option("--average", help="test the mean over tasks too")
    ] = False,
    margin: Annotated[
        float | None, typer.Option(help="points within which arms are equivalent", min=0)
    ] = None,
) -> None:
    """Test the differences between arms, over seeds, over examples, and over both."""
    from maskpolicy.statistics.significance import test_significance

    test_significance(
        runs,
        output,
        baselines=against or (),
        starred=stars,
        average=average,
        margin=None if margin is None else margin / 100,
    )


@app.command()
def render_table(
    files: TableFilesJson,
    *,
    significance: Annotated[Path, typer.Option(help="result of test-significance")],
    blocks: Annotated[Any, _record(list[ShownBlock], "BLOCKS")],
    finetuning: Annotated[Any, _record(dict[str, str], "FINETUNING")],
    folder: Annotated[Path, typer.Option(help="where the table goes")],
    name: Annotated[str, typer.Option(help="of the table, and of its files")],
    caption: Annotated[str, typer.Option(help="what stands over it")] = "",
    provenance: Annotated[Path | None, typer.Option(help="starts that made what is shown")] = None,
) -> None:
    """Write a result table as CSV, Markdown, LaTeX, HTML and JSON, and its picture."""
    from maskpolicy.provenance import Makers
    from maskpolicy.reporting.tables import BlockFiles, render_table

    made_of = TableFiles.read(files)
    masks: list[dict[str, list[Path]]] = [{} for _ in blocks]
    for row, manifests in zip(made_of.rows, made_of.masks, strict=True):
        masks[row.block][row.name] = list(map(Path, manifests))
    render_table(
        significance,
        [
            BlockFiles(shown, of_rows, list(map(Path, cuts)))
            for shown, of_rows, cuts in zip(blocks, masks, made_of.cuts, strict=True)
        ],
        majorities=[Path(path) for path in made_of.majorities],
        finetuning=finetuning,
        folder=folder,
        name=name,
        caption=caption,
        makers=Makers.of(provenance, [significance, *map(Path, made_of.made)])
        if provenance
        else None,
    )


# --- analyses -------------------------------------------------------------------------------------


@app.command()
def measure_gradient_variance(
    shards: Shards,
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    variance: Annotated[Any, _record(VarianceAnalysis, "VARIANCE")],
    seed: Seed,
    title: Title,
    output: Output,
) -> None:
    """Measure how the gradients of an encoder vary with the mask, and draw it."""
    from maskpolicy.analysis.gradient_variance import measure_gradient_variance

    measure_gradient_variance(
        checkpoint,
        tokenizer,
        shards,
        spec=variance,
        seed=seed,
        title=title,
        output=output,
    )


@app.command()
def measure_held_out(
    shards: Shards,
    masks: Annotated[Path, typer.Option(help="folder of decisions, the same for every arm")],
    checkpoint: Checkpoint,
    tokenizer: TokenizerFolder,
    objective: Annotated[Any, _record(Objective, "OBJECTIVE")],
    steps: Annotated[int, typer.Option(help="of its stage, that made the checkpoint")],
    policy: Annotated[str, typer.Option(help="the arm")],
    pretraining_seed: Annotated[int, typer.Option(help="of the checkpoint")],
    seed: Seed,
    output: Output,
    stop: Annotated[
        list[int] | None, typer.Option(help="a step of a kept one, measured too")
    ] = None,
) -> None:
    """Measure the loss of an arm's checkpoints on masked text that no arm was trained on."""
    from maskpolicy.training.held_out import measure_held_out
    from maskpolicy.training.masked_data import MaskedCorpus

    corpus = MaskedCorpus(shards, _decisions(masks, 1, shards), objective, tokenizer, seed)
    measure_held_out(
        checkpoint,
        corpus,
        steps=steps,
        stops=stop or (),
        arm=policy,
        pretraining_seed=pretraining_seed,
        output=output,
    )


@app.command()
def collect_held_out(
    losses: Annotated[list[Path], typer.Argument(help="results of measure-held-out")],
    start: Annotated[int, typer.Option(help="steps of general pre-training before")],
    output: Output,
) -> None:
    """Write the held-out losses of several arms as one CSV."""
    from maskpolicy.evaluation.held_out import HeldOutLosses, collect_held_out

    collect_held_out([HeldOutLosses.read(path) for path in losses], start, output)


@app.command()
def draw_learning_efficiency(
    files: TableFilesJson,
    costs: Annotated[Path, typer.Option(help="costs.csv of the same arms")],
    start: Annotated[int, typer.Option(help="steps of general pre-training before")],
    steps: Annotated[int, typer.Option(help="of intermediate pre-training, all of them")],
    folder: Annotated[Path, typer.Option(help="where the figure and its data go")],
    held_out: Annotated[
        list[Path] | None, typer.Option(help="a result of measure-held-out, drawn beside")
    ] = None,
) -> None:
    """Draw the downstream score against the steps of pre-training."""
    from maskpolicy.analysis.learning_efficiency import draw_learning_efficiency
    from maskpolicy.evaluation.held_out import HeldOutLosses

    runs = [Path(run) for run in TableFiles.read(files).runs_on_the_way]
    losses = [HeldOutLosses.read(path) for path in held_out or ()]
    draw_learning_efficiency(runs, costs, start, steps, folder, "learning-efficiency", losses)


@app.command()
def draw_general_stops(
    tables: Annotated[Any, _record(list[StoppedTable], "TABLES")],
    folder: Annotated[Path, typer.Option(help="where the figure and its data go")],
) -> None:
    """Draw the downstream score against all steps, where tables start from several checkpoints."""
    from maskpolicy.analysis.general_stops import draw_general_stops

    draw_general_stops(tables, folder, "learning-efficiency")


@app.command()
def draw_costs(
    files: TableFilesJson,
    folder: Annotated[Path, typer.Option(help="where the figure and its data go")],
) -> None:
    """Draw the measured seconds of each stage that an arm needs before fine-tuning."""
    from maskpolicy.analysis.costs import draw_costs

    draw_costs(TableFiles.read(files).costs, folder, "costs")


@app.command()
def draw_mask_sweep(
    significance: Path,
    masks: Annotated[Any, _record(dict[str, int], "MASKS")],
    folder: Annotated[Path, typer.Option(help="where the figure and its data go")],
) -> None:
    """Draw the score against the number of masks that a fully-explored policy draws."""
    from maskpolicy.analysis.mask_sweep import draw_mask_sweep

    draw_mask_sweep(significance, masks, folder, "mask-sweep")


@app.command()
def analyse_masks(
    shards: Shards,
    masks: Annotated[list[Path], typer.Option(help="folder of an arm's masks, one for each arm")],
    annotations: Annotated[Path, typer.Option(help="folder of annotations of the shards")],
    tokenizer: TokenizerFolder,
    analysis: Annotated[Any, _record(MaskAnalysis, "ANALYSIS")],
    epochs: Annotated[int, typer.Option(help="masks of a row that are counted")],
    seed: Seed,
    corpus: Annotated[str, typer.Option(help="name of the corpus, as the masks have it")],
    policies: Annotated[Any, _record(dict[str, AnyPolicy], "POLICIES")],
    title: Title,
    folder: Annotated[Path, typer.Option(help="where the figures and their data go")],
) -> None:
    """Draw what kinds of tokens policies mask, how rare ones, and what they have in common."""
    from maskpolicy.analysis.mask_analysis import analyse_masks
    from maskpolicy.analysis.mask_counts import ArmMasks

    arms = ArmMasks(shards, annotations, masks, epochs, seed, corpus, policies)
    analyse_masks(arms, tokenizer, analysis, title, folder)


# --- for people -----------------------------------------------------------------------------------


@app.command()
def build_site(
    results: Annotated[Path, typer.Argument(help="the folder of a study's results")],
    output: Output,
) -> None:
    """Build the site of a study from what is there: pages that open from disk and can be mailed."""
    from maskpolicy.site.build import build_site

    build_site(results, output)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="the folder of a study's results")],
    after: Annotated[Path, typer.Argument(help="the folder of another's")],
) -> None:
    """Compare two studies: what was configured otherwise, which scores moved, and how surely."""
    from maskpolicy.site.difference import print_difference

    print_difference(before, after)


@app.command()
def reproduce(
    table: Annotated[Path, typer.Argument(help="a file of a table, as results/config/tables/X.md")],
) -> None:
    """Print the commands that make a table again, with the code and configuration it has now."""
    from maskpolicy.site.provenance import reproduction

    print("\n".join(reproduction(table)))


@app.command()
def show_tables(tables: list[Path]) -> None:
    """Print result tables in the terminal, and where their files are."""
    from maskpolicy.reporting.terminal import print_table

    for table in tables:
        print_table(table)


@app.command()
def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[ARM=]FILE...", help="one a run; the first arm is the one compared with"
        ),
    ],
    metric: Annotated[
        str | None, typer.Option(help="that scores predictions; without it files hold scores")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="column of what several examples have in common")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="points within which arms are equivalent", min=0)
    ] = None,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="runs are no pairs")] = False,
    aso: Annotated[bool, typer.Option("--aso", help="almost stochastic order, too")] = False,
    json: Annotated[bool, typer.Option("--json", help="print the record, not a table")] = False,
    id_field: Annotated[str, typer.Option(help="column of the examples' ids")] = "id",
    prediction_field: Annotated[str, typer.Option(help="column of predictions")] = "prediction",
    gold_field: Annotated[
        str | None, typer.Option(help="column of one acceptable answer or a list of them")
    ] = None,
    score_field: Annotated[str, typer.Option(help="column of scores")] = "score",
) -> None:
    """Compare anybody's predictions or scores: which arm is better, and is that decided?"""
    from maskpolicy.evaluation.given_runs import Fields
    from maskpolicy.evaluation.metrics.registry import METRICS
    from maskpolicy.statistics.given import arms_of, compare_files

    if metric is not None and metric not in METRICS:
        raise InputError(f"--metric {metric}: unknown; known: {', '.join(METRICS)}")
    compared = compare_files(
        arms_of(files),
        metric=metric,
        fields=Fields(id_field, prediction_field, gold_field, score_field, cluster),
        margin=None if margin is None else margin / 100,
        pair=not unpaired,
        dominance=aso,
    )
    if json:
        print(compared.model_dump_json(indent=2))
    else:
        from maskpolicy.reporting.given import print_comparison

        print_comparison(compared)


@app.command()
def show_masks(
    masks: Annotated[list[Path], typer.Argument(help="folders of masks, one for each policy")],
    row: Annotated[
        list[int] | None, typer.Option(help="row of the corpus; may be repeated; the first three")
    ] = None,
    epoch: Annotated[int, typer.Option(help="which masks of the row")] = 0,
    html: Annotated[Path | None, typer.Option(help="write a page too")] = None,
) -> None:
    """Show what policies mask, side by side, on the same passages.

    For example: maskpolicy show-masks results/masks/factbook/bpe-4k/{rand,ssm} --row 7
    """
    from maskpolicy.reporting.show_masks import show_masks

    show_masks(masks, row, epoch, html)


DESCRIBED = {
    "metrics": (
        "maskpolicy.evaluation.metrics.registry:describe_metrics",
        ("scores", "what it is", "citation"),
    ),
    "policies": (
        "maskpolicy.policies.registry:describe_policies",
        ("kind", "what it is"),
    ),
    "releases": (
        "maskpolicy.sources.releases:describe_releases",
        ("size", "source", "licence"),
    ),
    "sources": (
        "maskpolicy.sources.registry:describe_sources",
        ("yields", "what it is", "licence", "citation"),
    ),
}
"""What can be described -> the function that gives the name and more of each, and what it gives."""


def _described(what: str) -> str:
    if what not in DESCRIBED:
        raise typer.BadParameter(f"one of {', '.join(DESCRIBED)}, not {what!r}")
    return what


@app.command()
def describe(
    what: Annotated[str, typer.Argument(parser=_described, help=", ".join(DESCRIBED))],
) -> None:
    """List what a configuration or a command can name: each with what it is in a line."""
    from maskpolicy.reporting.description import print_description

    place, columns = DESCRIBED[what]
    print_description((what, *columns), resolve_name(place)())


if __name__ == "__main__":
    main()
