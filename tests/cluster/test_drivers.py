"""Faults around Snakemake, which drives the jobs: each ends in what an undisturbed run made."""

import re
import signal

import pytest


@pytest.fixture
def run(study):
    """The training of a policy, under way as a job of Slurm, with all that follows to come."""
    run = study.start()
    study.training(run)
    yield run
    run.stop()


def test_a_killed_driver(study, run, undisturbed):
    (job,) = study.jobs("pretrain_intermediate", "RUNNING")
    run.process.kill()
    run.end(-signal.SIGKILL)
    assert "Directory cannot be locked" in study.start().end(1)
    study.here("--unlock")
    again = study.start()
    second = again.wait(
        lambda: [other for other in study.jobs("pretrain_intermediate") if other != job],
        "a second job",
    )[0]
    waits = f"waiting for Slurm job {job} "
    again.wait(lambda: waits in study.log(), "the second to say for whom it waits")
    study.slow.unlink()
    again.end()
    assert study.slurm.job(job)["JobState"] == "COMPLETED"
    assert study.slurm.job(second)["JobState"] == "COMPLETED"
    assert "an earlier job trained it to its end, which is taken" in study.log()
    assert study.made() == undisturbed.made()


def test_two_drivers_at_once(study, run, undisturbed):
    assert "Directory cannot be locked" in study.start().end(1)
    study.slow.unlink()
    run.end()
    assert study.resumed_at() == 0
    assert study.made() == undisturbed.made()


def test_an_edit_of_the_configuration_during_the_run(study, run, undisturbed):
    study.edit("config.yaml", "steps: 5", "steps: 7")  # of pre-training and fine-tuning
    study.slow.unlink()
    run.end()
    assert study.made() == undisturbed.made()
    assert re.search("pretrain_general +params have changed", study.here("--dry-run"))
