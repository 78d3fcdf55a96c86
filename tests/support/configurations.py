"""Configurations that tests change: the default study and those of workflow/studies/."""

import copy
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
STUDIES = ("config", *sorted(path.stem for path in (ROOT / "workflow" / "studies").glob("*.yaml")))

SIMILARITY = {
    "examples": {
        "source": "tsv",
        "train": "train.tsv",
        "text_column": "sentence1",
        "pair_column": "sentence2",
        "label_column": "score",
    },
    "regression": True,
    "metrics": ["pearson", "spearman"],
}
"""A task of pairs and how alike they are."""


def path_of(study: str) -> Path:
    """The file of a study; the default one is `config`."""
    return ROOT / "config.yaml" if study == "config" else ROOT / f"workflow/studies/{study}.yaml"


def configuration(study: str = "config") -> dict:
    """A study as parsed from YAML, anew for each call."""
    return yaml.safe_load(path_of(study).read_text())


def set_key(config: dict, path: str, value: object) -> dict:
    """A copy with another value at a path of keys, such as `policies/rand/decide/rate`."""
    changed = copy.deepcopy(config)
    *parents, last = path.split("/")
    record = changed
    for part in parents:
        record = record[part]
    record[last] = value
    return changed


def large_study() -> dict:
    """The default study as big as a paper's: 12 policies, each with its control, on 12 tasks with
    3 seeds of pre-training and 5 of fine-tuning; corpora in 64 shards, as a network wants them.
    """
    study = configuration()
    for corpus in study["corpora"].values():
        corpus["shards"] = 64
    study["seeds"] |= {"pretraining": [0, 1, 2], "finetuning": [0, 1, 2, 3, 4]}
    further = ("whole-word", "span", "pmi", "informative", "idf", "pos")
    study["policies"] |= {kind: {"decide": {"kind": kind}} for kind in further}
    study["policies"]["pos"]["decide"]["weights"] = {"NOUN": 2.0, "VERB": 1.0}
    study["tasks"] = {f"task-{i}": study["tasks"]["factbook-qa"] for i in range(12)}
    for network in study["networks"].values():
        network["task"] = "task-0"
    (table,) = study["tables"].values()
    table["tasks"] = [*study["tasks"]]
    table["arms"] = ["none", *(arm for p in study["policies"] for arm in (p, f"{p}@control"))]
    return study
