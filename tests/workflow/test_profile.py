"""The profile for clusters names rules that there are, and partitions that take their jobs."""

import re

import yaml
from snakemake_executor_plugin_slurm.partitions import read_partition_file
from support.study_folder import ROOT, StudyFolder

PROFILE = yaml.safe_load((ROOT / "cluster" / "config.yaml").read_text())
RESOURCES, THREADS = PROFILE["set-resources"], PROFILE["set-threads"]


def test_it_names_rules_that_there_are(tmp_path):
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    rules = StudyFolder(tmp_path, study).snakemake("--list-rules").stdout.split()
    assert {*RESOURCES, *THREADS} <= {*rules}


def test_it_leaves_cores_that_follow_from_the_work_to_the_rules():
    """Whose masks have one shard asks for one core, whatever is the most."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    of_work = {
        name
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", rules, re.MULTILINE)
        if re.search(r"^    threads: (?!\d)", body, re.MULTILINE)
    }
    assert {"mask_corpus", "match_corpus", "fetch_documents"} <= of_work
    assert not of_work & {*THREADS}


def test_its_partitions_take_what_it_asks_for():
    partitions = read_partition_file(ROOT / "cluster" / PROFILE["slurm-partition-config"])
    for rule, resources in RESOURCES.items():
        asked = PROFILE["default-resources"] | resources
        assert any(
            asked.get("gpu", 0) <= partition.limits.max_gpu
            and asked["runtime"] <= partition.limits.max_runtime
            and asked["mem_mb"] <= partition.limits.max_mem_mb
            and THREADS.get(rule, 1) <= partition.limits.max_threads
            for partition in partitions
        ), rule
