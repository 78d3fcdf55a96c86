"""Faults of a cluster: each ends in what an undisturbed run made, and no training starts over."""

import os
import signal

import pytest


@pytest.fixture
def run(study):
    """The training of a policy, under way as a job of Slurm."""
    run = study.start("--until", "pretrain_intermediate")
    yield run
    if run.process.poll() is None:  # the test failed
        run.process.kill()
        study.slurm.run("scancel", "--user=root")


@pytest.fixture
def job(study, run):
    """The number of that job."""
    return study.training(run)


def start_again_now(study, run, job):
    """Slurm lets a job that it sends back to the queue wait for two minutes."""
    run.wait(lambda: study.slurm.job(job)["JobState"] == "PENDING", "the job to wait")
    study.slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")


def test_a_cancelled_job(study, run, job, undisturbed):
    study.slurm.run("scancel", job)
    study.finish(run)
    assert study.slurm.job(job)["JobState"] == "CANCELLED"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_requeued_job(study, run, job, undisturbed):
    study.slurm.run("scontrol", "requeue", job)
    start_again_now(study, run, job)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "1"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_preempted_job(study, run, job, undisturbed):
    node = study.slurm.job(job)["NodeList"]
    urgent = ("--partition=urgent", "--exclusive", f"--nodelist={node}", "--output=/dev/null")
    study.slurm.run("sbatch", *urgent, "--wrap=sleep 3")
    start_again_now(study, run, job)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "1"
    assert study.resumed_at() > 0
    assert study.made() == undisturbed.made()


def test_a_time_limit(study, run, job, undisturbed):
    study.slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
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


def test_a_killed_daemon_that_is_started_again(study, run, job, undisturbed):
    node = study.slurm.job(job)["NodeList"]
    study.slurm.kill_node(node)
    study.slurm.start_node(node)
    study.finish(run)
    assert study.slurm.job(job)["Restarts"] == "0"
    assert study.resumed_at() == 0
    assert study.made() == undisturbed.made()
