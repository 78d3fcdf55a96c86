"""Every study is planned, whether or not its data is there."""

import re
import subprocess
import sys

import pytest
import yaml
from support.configurations import ROOT, STUDIES, configuration, large_study, path_of
from support.study_folder import StudyFolder

MEASURED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print("kB at most:", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Runs a command: a child of the tests themselves would be counted with what they hold."""


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_is_planned_with_strict_input_functions(study, tmp_path):
    """An input function that fails on a target it should not have matched is an error there."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    command += ["--configfile", path_of(study), "--directory", tmp_path, "--quiet=rules"]
    command += ["--strict-dag-evaluation", "functions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for sign in ("Exception", "Traceback"):
        assert sign not in done.stdout + done.stderr
    assert "render_table" in done.stdout or study == "variance"  # which has no table


def test_a_study_as_big_as_a_papers_is_planned_in_few_jobs_with_short_commands(tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(large_study()))
    command = [sys.executable, "-c", MEASURED]
    command += [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    command += ["--configfile", "study.yaml", "--printshellcmds"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    listing = done.stdout
    assert done.returncode == 0, (listing + done.stderr)[-2000:]
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", listing, re.MULTILINE))
    wanted = {
        "finetune": 25 * 12 * 3,  # arms, tasks, pre-training seeds
        "score_runs": 25 * 12 * 3,  # likewise
        "mask_corpus": 9 + 1,  # policies without a network, and that of the general stage
        "mask_shard": 3 * 64,
        "match_corpus": 12,
    }
    assert {rule: int(jobs[rule]) for rule in wanted} == wanted
    assert int(jobs["total"]) < 3300
    commands = re.findall("^Shell command: (.*)", listing, re.MULTILINE)
    # Linux takes 128 KiB in an argument, and the whole command is one of bash.
    assert 1000 < max(map(len, commands)) < 16 * 1024
    (taken,) = re.findall(r"^kB at most: (\d+)$", listing, re.MULTILINE)
    assert int(taken) < 1_000_000, "some 270,000 are usual"
    assert all(len({*re.findall(r"shard-\d+", command)}) < 2 for command in commands), (
        "a list of shards, of which there may be 1000"
    )


def test_one_result_is_had_without_the_other_seeds_of_pretraining(tmp_path):
    study = configuration()
    study["seeds"] |= {"pretraining": [0, 1, 2]}
    run = "results/study/runs/bart-mini/factbook/ssm/factbook-qa/pretraining-1/seed-2/metrics.json"
    shown = StudyFolder(tmp_path, study).snakemake("--dry-run", "--quiet=rules", "--", run).stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", shown, re.MULTILINE))
    rules = ("pretrain_general", "pretrain_intermediate", "finetune", "score_runs")
    assert [jobs[rule] for rule in rules] == ["1"] * 4


def test_settings_that_are_searched_on_one_arm_take_one_job(tmp_path):
    study = configuration()
    study["seeds"] |= {"pretraining": [0, 1]}
    study["finetuning"]["default"]["search_on"] = "none"
    shown = StudyFolder(tmp_path, study).snakemake("--dry-run", "--printshellcmds").stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", shown, re.MULTILINE))
    assert (jobs["search_finetuning"], jobs["finetune"]) == ("1", "18")
    found = "results/study/runs/bart-mini/factbook/none/factbook-qa/pretraining-0/search.json"
    assert {*re.findall(r"--search (\S+)", shown)} == {found}


def test_what_costs_little_and_may_fail_runs_first(tmp_path):
    """Touching, unlike a dry run, takes jobs in the order in which they would be run."""
    study = configuration()
    study["corpora"]["factbook"]["shards"] = 4
    tasks, models = [f"task-{i}" for i in range(4)], [f"model-{i}" for i in range(4)]
    study["tasks"] |= dict.fromkeys(tasks, study["tasks"]["factbook-qa"])
    study["models"] |= dict.fromkeys(models, study["models"]["bart-mini"])
    targets = [f"results/study/corpora/factbook/bpe-4k/shard-{i}.arrow" for i in range(4)]
    targets += [f"results/study/models/{model}/initial/seed-0/manifest.json" for model in models]
    targets += [f"results/study/tasks/{task}/manifest.json" for task in tasks]
    done = StudyFolder(tmp_path, study).snakemake("--touch", "--cores", "1", *targets)
    jobs = re.findall(
        r"^[\d:]+ +\d+ of \d+  (Fetch|Prepare|Make|Cut) ", done.stdout + done.stderr, re.MULTILINE
    )
    assert len(jobs) == 15
    assert jobs[-4:] == ["Cut"] * 4


def test_more_gpus_than_a_trainer_takes_are_refused_before_anything_runs(tmp_path):
    study = StudyFolder(tmp_path, configuration("engines"))
    several = ("--set-resources", "pretrain_intermediate:gpu=4")
    done = study.snakemake("--dry-run", "--quiet=all", *several)
    assert done.returncode == 1
    assert (
        "`trainer: fairseq` trains in one process on one GPU, and is given 4"
        in done.stdout + done.stderr
    )


def test_pretraining_starts_a_process_for_each_gpu_that_it_is_given(tmp_path):
    """Without GPUs that are counted there is one process, as ever, and nobody promised any."""
    study = StudyFolder(tmp_path, configuration())
    target = "results/study/models/bart-mini/factbook/ssm/seed-0/manifest.json"

    def granted(*arguments):
        shown = study.snakemake("--dry-run", "--printshellcmds", "--cores=2", *arguments, target)
        found = r"MASKPOLICY_GPUS=(\d) maskpolicy pretrain --processes (\d)"
        return re.findall(found, shown.stdout)  # of the general stage, and the intermediate one

    assert granted() == [("0", "0")] * 2
    assert granted("--resources", "gpu=4", "--") == [("1", "1")] * 2
    several = granted("--set-resources", "pretrain_intermediate:gpu=4", "--")
    assert several == [("0", "0"), ("4", "4")]
