# The configuration, checked before any job, and the look-ups that input functions need.
import json
import os
import re
import sys

from snakemake.exceptions import WorkflowError

from maskpolicy.analysis.specs import ArmCheckpoint
from maskpolicy.study.config import ConfigError, Study
from maskpolicy.corpora.statistics.registry import STATISTICS
from maskpolicy.arms import CONTROL, NO_POLICY

try:
    study = Study.load(config)
except ConfigError as error:
    # Not `raise … from`: Snakemake would print the traceback of the cause before the message.
    raise WorkflowError(f"the configuration is wrong\n{error}") from None

# A plan may be looked at before the data is there; a run may not be started. Which of the two it is,
# is not known yet: see `onstart`, which a dry run passes over.
if missing := study.missing_files():
    print("Before a run these are wanted:", *missing, sep="\n  ", file=sys.stderr)

# What each rule reads of them, as the beginning of a key.
FILES_READ = {
    "fetch_documents": "corpora.{corpus}.documents.",
    "prepare_task": "tasks.{task}.examples.",
    "train_policy": "learned.{network}.",
}


onstart:
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in FILES_READ]
    keys = tuple(FILES_READ[job.rule.name].format(**job.wildcards_dict) for job in jobs)
    if needed := [problem for problem in missing if problem.startswith(keys)]:
        raise WorkflowError("files of the configuration are missing\n" + "\n".join(needed))


# So that `.venv/bin/snakemake` finds the commands of its own environment without activating it.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


def any_of(names):
    """A pattern for names of the configuration and nothing else: a typo in a target is no wildcard."""
    return "|".join(re.escape(name) for name in names)


wildcard_constraints:
    corpus=any_of(study.corpora),
    tokenizer=any_of(study.tokenizers),
    model=any_of(study.models),
    stage=any_of(study.intermediate),
    policy=any_of([NO_POLICY, *study.policies, *(f"{p}{CONTROL}" for p in study.policies)]),
    network=any_of(study.learned),
    task=any_of(study.tasks),
    table=any_of(study.tables),
    shard=r"\d+",
    pretraining_seed=r"-?\d+",
    stop=r"(/step-\d+)?",
    seed=r"-?\d+",


def as_json(record):
    """A record of the configuration as an argument: a job reruns when, and only when, it changes."""
    return record.model_dump_json()


def shards(corpus):
    """The numbers of a corpus's shards."""
    return range(study.corpora[corpus].shards)


def model_tokenizer(model):
    """The folder of a model's tokenizer."""
    return f"results/tokenizers/{study.models[model].tokenizer}"


def token_shards(corpus, model, kind="arrow"):
    """The token shards of a whole corpus as a model reads them, or with "json" their manifests."""
    folder = f"results/corpora/{corpus}/{study.models[model].tokenizer}"
    return [f"{folder}/shard-{i}.{kind}" for i in shards(corpus)]


def start_manifest(model, seed, start):
    """The manifest of a checkpoint that stages start from, or that an analysis is about."""
    stage = "initial" if start == "initial" else "general"
    if isinstance(start, ArmCheckpoint):
        stage = f"{start.stage}/{start.policy}"
    return f"results/models/{model}/{stage}/seed-{seed}/manifest.json"


def start_folder(model, seed, start):
    """The folder of such a checkpoint: one that a stage kept on its way lies within its folder."""
    folder = os.path.dirname(start_manifest(model, seed, start))
    return f"{folder}/step-{start}" if isinstance(start, int) else folder


def first_start(record, path):
    """The checkpoint that a network or an analysis starts from: of the first pre-training seed."""
    return path(record.model, study.seeds.pretraining[0], study.start_of(record))
