"""Faults of a cluster: each ends in what an undisturbed run made, its table too, and no training
starts over.
"""

import os
import shutil
import signal
import subprocess
from contextlib import suppress

import pytest


@pytest.fixture
def run(study):
    """The training of a policy, under way as a job of Slurm."""
    run = study.start("--until", "pretrain_intermediate")
    yield run
    run.stop()


@pytest.fixture
def job(study, run):
    """The number of that job."""
    return study.training(run)


def stopped_in_words(study, run):
    """Until the log has the end of what a job says that was asked to stop."""
    run.wait(lambda: "stopped by SIGTERM; its state after step" in study.log(), "its last words")


def start_again_now(study, run, job):
    """Slurm lets a job that it sends back to the queue wait for two minutes."""
    run.wait(lambda: study.slurm.job(job)["JobState"] == "PENDING", "the job to wait")
    study.slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")


def test_a_cancelled_job(study, run, job, undisturbed):
    study.slurm.run("scancel", job)
    stopped_in_words(study, run)
    study.finish(run)
    assert study.slurm.job(job)["JobState"] == "CANCELLED"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_requeued_job(study, run, job, undisturbed):
    study.slurm.run("scontrol", "requeue", job)
    stopped_in_words(study, run)
    start_again_now(study, run, job)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "1"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_preempted_job(study, run, job, undisturbed):
    node = study.slurm.job(job)["NodeList"]
    urgent = ("--partition=urgent", "--exclusive", f"--nodelist={node}", "--output=/dev/null")
    study.slurm.run("sbatch", *urgent, "--wrap=sleep 3")
    stopped_in_words(study, run)
    start_again_now(study, run, job)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "1"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_time_limit(study, run, job, undisturbed):
    study.slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    stopped_in_words(study, run)
    run.wait(lambda: study.slurm.job(job)["JobState"] == "TIMEOUT", "the time to be over")
    study.finish(run)
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_killed_process_group(study, run, job, undisturbed):
    (training,) = study.processes()
    os.killpg(os.getpgid(training.pid), signal.SIGKILL)
    study.finish(run)
    assert study.slurm.job(job)["JobState"] == "FAILED"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


@pytest.fixture
def unreachable(study, run, job):
    """The node of the job, whose daemon was killed."""
    node = study.slurm.job(job)["NodeList"]
    study.slurm.kill_node(node)
    yield node
    study.slurm.start_node(node)
    study.slurm.wait_for_nodes()


def test_a_killed_daemon_that_is_started_again(study, run, job, undisturbed):
    node = study.slurm.job(job)["NodeList"]
    study.slurm.kill_node(node)
    study.slurm.start_node(node)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "0"
    assert study.resumed_at() == 0
    assert study.made() == undisturbed.made()


def test_a_dead_node(study, run, job, unreachable, undisturbed):
    for process in (processes := study.slurm.processes(job)):
        process.suspend()  # so that none can say that another one ended
    for process in processes:
        process.kill()
    start_again_now(study, run, job)
    run.wait(lambda: study.resumed_at() > 0, "the training to go on")
    assert study.slurm.job(job)["NodeList"] != unreachable
    study.finish(run)
    assert study.made() == undisturbed.made()


def test_a_node_that_is_taken_for_dead_while_its_job_goes_on(
    study, run, job, unreachable, undisturbed
):
    start_again_now(study, run, job)
    run.wait(lambda: f"waiting for Slurm job {job} " in study.log(), "the second to say so")
    study.finish(run)
    assert "an earlier job trained it to its end, which is taken" in study.log()
    assert study.made() == undisturbed.made()


@pytest.fixture
def small_disk(study):
    """The folder of results lies on a disk of its own, which has room for little more."""
    moved = study.folder / "moved"
    results = study.results.parent
    results.rename(moved)
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", results], check=True)
    shutil.copytree(moved, results, dirs_exist_ok=True)
    yield results
    subprocess.run(["umount", "--lazy", results], check=True)


def test_a_full_disk(study, small_disk, run, job, undisturbed):
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))
    said = run.end(1)
    assert "No space left on device" in said
    filler.unlink()
    again = study.start("--until", "pretrain_intermediate")
    study.finish(again)
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()
