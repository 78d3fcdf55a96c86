# The configuration, checked before any job, and the look-ups that input functions need.
import json
import os
import re
import sys

from snakemake.exceptions import WorkflowError

from maskpolicy.config import NO_POLICY, ConfigError, Study
from maskpolicy.policies.registry import (
    STATISTICS,
    annotations_needed,
    networks_needed,
    statistics_needed,
)
from maskpolicy.policies.specs import CONTROL

try:
    study = Study.load(config)
except ConfigError as error:
    # Not `raise … from`: Snakemake would print the traceback of the cause before the message.
    raise WorkflowError(f"the configuration is wrong\n{error}") from None


# So that `.venv/bin/snakemake` finds the commands of its own environment without activating it.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


def any_of(names):
    """A pattern for names of the configuration and nothing else: a typo in a target is no wildcard."""
    return "|".join(re.escape(name) for name in names)


wildcard_constraints:
    corpus=any_of(study.corpora),
    tokenizer=any_of(study.tokenizers),
    model=any_of(study.models),
    policy=any_of([NO_POLICY, *study.policies, *(f"{p}{CONTROL}" for p in study.policies)]),
    network=any_of(study.learned),
    task=any_of(study.tasks),
    table=any_of(study.tables),
    shard=r"\d+",
    pretraining_seed=r"-?\d+",
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


def checkpoint_before_intermediate(model, seed):
    """The checkpoint that arms, and the networks of learned policies, start from."""
    general = study.general and study.models[model].family == "seq2seq"
    stage = "general" if general else "initial"
    return f"results/models/{model}/{stage}/seed-{seed}/manifest.json"
