"""The profile for clusters names rules that there are, and partitions that take their jobs."""

import yaml
from snakemake_executor_plugin_slurm.partitions import read_partition_file
from support.study_folder import ROOT, StudyFolder

PROFILE = yaml.safe_load((ROOT / "cluster" / "config.yaml").read_text())
RESOURCES, THREADS = PROFILE["set-resources"], PROFILE["set-threads"]


def test_it_names_rules_that_there_are(tmp_path):
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    rules = StudyFolder(tmp_path, study).snakemake("--list-rules").stdout.split()
    assert {*RESOURCES, *THREADS} <= {*rules}


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
