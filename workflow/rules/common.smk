# The configuration, checked before any job, and the plan that rules ask.
import os
import sys
from pathlib import Path

from pydantic_core import to_json
from snakemake.exceptions import WorkflowError

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.corpora.statistics.registry import STATISTICS
from maskpolicy.study.loading import ConfigError, Study, repeated_keys
from maskpolicy.study.plan import Plan, any_of
from maskpolicy.study.tables import PlannedTables

try:
    for path in workflow.overwrite_configfiles or ["config.yaml"]:
        if repeated := repeated_keys(Path(path)):
            raise ConfigError(f"{path}:\n" + "\n".join(repeated))
    study = Study.load(config)
except ConfigError as error:
    # Not `raise … from`: Snakemake would print the traceback of the cause before the message.
    raise WorkflowError(f"the configuration is wrong\n{error}") from None

plan = Plan(study)
tables = PlannedTables(plan)

# A plan may be looked at before the data is there; a run may not be started. Which of the two it is,
# is not known yet: see `onstart`, which a dry run passes over.
if missing := study.missing_files():
    print("Before a run these are wanted:", *missing, sep="\n  ", file=sys.stderr)

# What each rule reads of them, as the beginning of a key.
FILES_READ = {
    "fetch_documents": "corpora.{corpus}.documents.",
    "prepare_task": "tasks.{task}.examples.",
    "train_policy": "networks.{network}.",
    "train_tokenizer": "tokenizers.{tokenizer}.",
    "initialise_model": "models.{model}.",
}


onstart:
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in FILES_READ]
    keys = tuple(FILES_READ[job.rule.name].format(**job.wildcards_dict) for job in jobs)
    if needed := [problem for problem in missing if problem.startswith(keys)]:
        raise WorkflowError("files of the configuration are missing\n" + "\n".join(needed))


# So that `.venv/bin/snakemake` finds the commands of its own environment without activating it.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


wildcard_constraints:
    corpus=any_of(study.corpora),
    tokenizer=any_of(study.tokenizers),
    model=any_of(study.models),
    stage=any_of(study.intermediate),
    policy=any_of([NO_POLICY, *study.policies, *(f"{p}{CONTROL}" for p in study.policies)]),
    network=any_of(study.networks),
    task=any_of(study.tasks),
    table=any_of(study.tables),
    shard=r"\d+",
    pretraining_seed=r"-?\d+",
    stop=r"(/step-\d+)?",
    seed=r"-?\d+",


def as_json(records):
    """Records of the configuration as an argument: a job reruns when, and only when, they change."""
    return to_json(records).decode()
