"""Jobs go through Slurm and ask it for what they need; who looks on sees what becomes of them."""

import re

import pytest

RULES = (
    *("fetch_documents", "train_tokenizer", "shard_corpus", "prepare_task", "report_leaks"),
    *("initialise_model", "mask_corpus", "pretrain_general", "pretrain_intermediate", "count_cuts"),
    *("search_finetuning", "finetune", "score_runs", "collect_runs", "test_significance"),
)


def test_jobs_went_through_slurm(undisturbed):
    jobs = {rule: undisturbed.jobs(rule) for rule in RULES}
    assert all(jobs.values()), jobs
    facts = [undisturbed.slurm.job(number) for numbers in jobs.values() for number in numbers]
    assert {each["JobState"] for each in facts} == {"COMPLETED"}
    assert {each["Partition"] for each in facts} == {"cpu"}


def test_what_takes_seconds_runs_beside_snakemake(undisturbed):
    assert "Render qa\n" in undisturbed.said
    assert not undisturbed.jobs("render_table") + undisturbed.jobs("check_metrics")


def test_a_job_is_a_line_with_its_number(undisturbed):
    lines = re.findall(r" of \d+  (.+)$", undisturbed.said, re.MULTILINE)
    (pretraining,) = undisturbed.jobs("pretrain_intermediate")
    assert f"Pre-train tiny (facts) with rand (Slurm job {pretraining})" in lines
    for chatter in ("account", "Auto-selected", "submitted", "Cleaning up", "run ID"):
        assert chatter not in undisturbed.said


@pytest.fixture
def start(study):
    """Starts the training of a policy with a resource, in place of what the profile says."""
    runs = []

    def start(resource):
        once = ("--until", "pretrain_intermediate", "--retries", "0")
        runs.append(study.start(*once, "--set-resources", f"pretrain_intermediate:{resource}"))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


def test_a_training_is_granted_a_gpu_and_says_where_pytorch_sees_none(study, start):
    said = start("gpu=1").end(1)
    (job,) = study.jobs("pretrain_intermediate")
    facts = study.slurm.job(job)
    assert (facts["Partition"], facts["TresPerJob"]) == ("gpu", "gres:gpu:1")
    assert said.count("the job was granted 1 GPUs, and PyTorch sees none on this node") == 1


def test_a_job_that_can_never_start_is_not_silent(study, start):
    run = start("runtime=5000")
    run.wait(lambda: "PartitionTimeLimit. `scontrol" in run.said, "a word of Slurm's limit")
    assert "No suitable partition found for job pretrain_intermediate" in run.said
