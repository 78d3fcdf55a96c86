# The configuration, checked before any job, and the plan that rules ask.
import os
import shlex
import sys
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path

from pydantic_core import to_json
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import SharedFSUsage

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.corpora.statistics.registry import STATISTICS
from maskpolicy.artefacts import write_json
from maskpolicy.errors import InputError
from maskpolicy.forecast.need import asked_memory, asked_minutes
from maskpolicy.forecast.rules import Forecast
from maskpolicy.provenance import PROVENANCE, Start, lose_times
from maskpolicy.sources.knowledge import fingerprint
from maskpolicy.study.loading import (
    CONFIGURATION,
    STUDY_FILE,
    ConfigError,
    Study,
    StudyFiles,
    read_configuration,
    with_name,
)
from maskpolicy.study.plan import Plan, any_of
from maskpolicy.study.tables import PlannedTables
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.specs import HELD_OUT, HELD_OUT_MASKS


def checked(check, what):
    """What a check returns; a wrong configuration ends in its message."""
    try:
        return check(what)
    except InputError as error:
        # Not `raise … from`: Snakemake would print the traceback of the cause before the message.
        raise WorkflowError(f"the configuration is wrong\n{error}") from None


def refuse_storage(settings):
    """What lies beside a manifest, and states of trainings, jobs find in folders, and in no storage."""
    if settings.default_storage_provider:
        setting = f"default-storage-provider: {settings.default_storage_provider}"
    elif SharedFSUsage.INPUT_OUTPUT not in settings.shared_fs_usage:
        setting = "shared-fs-usage: without input-output"
    else:
        return
    raise WorkflowError(
        f"{setting}: results are read and written in place: leave that out, and run jobs where"
        " all of them see the folder of the results, on a disk that they share"
    )


refuse_storage(workflow.storage_settings)

# Before it is parsed: Snakemake names neither file nor line of what is no YAML. It parses files of
# `--configfile` before all else, so for those there is `maskpolicy check-study`.
files_given = [str(path) for path in workflow.overwrite_configfiles]
files = [Path(file) for file in files_given or ["config.yaml"]]
for path in files:
    checked(read_configuration, path)

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


configuration = checked(partial(with_name, files=files), config)
study = checked(Study.load, configuration)
plan = Plan(study)
tables = PlannedTables(plan)


pathvars:
    results=study.results,
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


# A plan may be looked at before the data is there; a run may not be started. Which of the two it is,
# is not known yet: see `onstart`, which a dry run passes over.
if missing := study.missing_files():
    print("Before a run these are wanted:", *missing, sep="\n  ", file=sys.stderr)

try:
    for problem in plan.recut_corpora():
        print(problem, file=sys.stderr)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Stages that cost little and may fail, because they read what the user or a hub has: before all others.
FIRST = 1

# What each rule reads of them, as the beginning of a key.
FILES_READ = {
    "fetch_documents": "corpora.{corpus}.documents.",
    "index_knowledge": "knowledge.{knowledge}.",
    "prepare_task": "tasks.{task}.examples.",
    "train_policy": "networks.{network}.",
    "train_tokenizer": "tokenizers.{tokenizer}.",
    "initialise_model": "models.{model}.",
}

# What jobs keep of before where it is made of the same, beside their outputs; a forced one nothing.
KEPT = {
    "finetune": "*.arrow",
    "mask_corpus": "shard-*.json",
    "mask_held_out": "shard-*.json",
    "match_corpus": "shard-*.json",
}


onstart:
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in FILES_READ]
    keys = tuple(FILES_READ[job.rule.name].format(**job.wildcards_dict) for job in jobs)
    if needed := study.missing_files(keys):
        raise WorkflowError("files of the configuration are missing\n" + "\n".join(needed))
    # Of a job that is forced no result of before is taken; an unfinished training goes on all the same.
    for job in workflow.dag.needrun_jobs():
        if not workflow.dag.reason(job).forced or workflow.touch:
            continue
        if job.rule.name in KEPT:
            for manifest in job.output:
                for kept in Path(manifest).parent.glob(KEPT[job.rule.name]):
                    kept.unlink()
        if "state" in job.rule.params.keys():
            forget_results(Path(job.params.state))
    if "name" not in config:
        StudyFiles.of(files).write(Path(study.results, STUDY_FILE))
    # A job on a cluster reads the configuration again when it starts, hours later perhaps: it gets what
    # was planned, whatever has become of the file. Where no disk is shared, Snakemake sends a copy.
    planned = Path(study.results, CONFIGURATION)
    write_json(planned, configuration)
    if any(job.output for job in workflow.dag.needrun_jobs()):
        starts = Path(study.results, PROVENANCE)
        if workflow.touch:
            lose_times(starts)
        else:
            Start.now(planned, cluster=workflow.non_local_exec).append(starts)
    if SharedFSUsage.SOURCES in workflow.storage_settings.shared_fs_usage:
        workflow.config_settings.configfiles = [planned]


# So that `.venv/bin/snakemake` finds the commands of its own environment without activating it.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


# In all shells of rules: who stops a job sends the signal to all of its processes, and what a command
# says while it saves has to reach its log. `tee` ends with the command.
shell.prefix("""set -euo pipefail; tee() {{ trap '' INT TERM USR1; exec tee "$@"; }}; """)


# Where the environments of `--sdm conda` are installed from.
os.environ["MASKPOLICY_PROJECT"] = str(Path(workflow.main_snakefile).parent)


def number(resources, name):
    """How many of a resource are asked for, or are there; 1 where each job says its own."""
    resource = resources.get(name)
    if resource is None:
        return 0
    return 1 if resource.is_evaluable() else int(resource.value or 0)


# What rules use GPUs ask for by themselves: one, where `--resources gpu=N` counts those of this machine.
# Of a cluster its profile says. Who promised what they got is for their commands to know (see gpus.py).
GPUS = int(number(workflow.global_resources, "gpu") > 0)
if workflow.remote_exec or GPUS:
    os.environ["MASKPOLICY_GPUS_GRANTED_BY"] = "cluster" if workflow.remote_exec else "machine"


# What a job asks of a cluster grows with its work. Elsewhere nothing is limited by it, and nothing runs
# again because an estimate changes.
forecasts = {on_gpu: Forecast(plan, gpu=on_gpu) for on_gpu in (False, True)}


@lru_cache(maxsize=1)  # memory and minutes of a job are asked one after the other
def needed(rulename, threads, *wildcards):
    resources = workflow.get_rule(rulename).resources
    gpus = number(resources, "gpu")
    of_node = max(1, gpus // max(1, number(resources, "nodes")))  # memory is asked for by node
    return forecasts[gpus > 0].need(rulename, dict(wildcards), threads, of_node)


def memory(wildcards, rulename, threads, attempt):
    return asked_memory(needed(rulename, threads, *wildcards.items()), attempt)


def minutes(wildcards, rulename, threads, attempt):
    return asked_minutes(needed(rulename, threads, *wildcards.items()), attempt)


# Of every rule whose work grows with the study; the others take what a profile gives by default.
NEEDS = {"mem_mb": memory, "runtime": minutes}


wildcard_constraints:
    corpus=any_of(study.corpora),
    tokenizer=any_of(study.tokenizers),
    model=any_of(study.models),
    stage=any_of(study.intermediate),
    policy=any_of([NO_POLICY, *study.policies, *(f"{p}{CONTROL}" for p in study.policies)]),
    network=any_of(study.networks),
    knowledge=any_of(study.knowledge),
    task=any_of(study.tasks),
    table=any_of(study.tables),
    shard=r"\d+",
    pretraining_seed=r"-?\d+",
    stop=r"(/step-\d+)?",
    seed=r"-?\d+",


def as_json(records):
    """Records of the configuration as an argument: a job reruns when, and only when, they change."""
    return to_json(records).decode()


def ways_on(made, files):
    """What to look at after a study: its site, tables, costs and masks that it has, and the report."""
    programs = os.path.dirname(sys.executable)
    *_, others = os.environ["PATH"].partition(os.pathsep)
    prefix = "" if programs in others.split(os.pathsep) else f"{os.path.relpath(programs)}/"
    configuration = ["--configfile", *files_given] if files_given else []
    if (site := f"{study.results}/site") in files:
        yield "the study", f"{site}/index.html"
    for table in made:
        yield f"the table of {table}", f"{study.results}/tables/{table}.html"
        if (costs := f"{study.results}/analysis/{table}/costs.svg") in files:
            yield f"costs of {table}", costs
        if folders := sorted({os.path.dirname(manifest) for manifest in tables[table].masks}):
            command = [f"{prefix}maskpolicy", "show-masks", *folders[:3]]
            yield f"masks of {table}", shlex.join(command)
    if given := workflow.config_settings.config:
        configuration += ["--config", *(f"{key}={value}" for key, value in given.items())]
    command = [f"{prefix}snakemake", *configuration, "--report", "report.zip"]
    yield "all in one archive", shlex.join(command)
