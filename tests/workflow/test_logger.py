"""Snakemake on the terminal: a line a job with how far the study is, and every error."""

import logging
import os
from io import StringIO
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_maskpolicy import LogHandler, slurm_queue


@pytest.fixture
def terminal(monkeypatch):
    """Makes a logger that writes to what it is returned with."""

    def make(**settings):
        stream = StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        named = ("stdout", "nocolor", "dryrun", "verbose", "printshellcmds")
        defaults = dict.fromkeys(named, False) | {"quiet": set()}
        logger = logging.Logger("snakemake")
        logger.addHandler(LogHandler(SimpleNamespace(**defaults | settings), None))
        return logger, stream

    return make


def run(logger):
    """What Snakemake says of a study of two jobs, of which the second fails."""
    logger.info(None, extra={"event": LogEvent.WORKFLOW_STARTED})
    logger.info("Building DAG of jobs...")
    logger.info("Provided cores: 2", extra={"event": LogEvent.RESOURCES_INFO})
    logger.info("Job stats: …", extra={"event": LogEvent.RUN_INFO, "stats": {"total": 2}})
    logger.info("Select jobs to execute...")
    job = {"event": LogEvent.JOB_INFO, "jobid": 1, "rule_name": "finetune", "rule_msg": "Tune"}
    logger.info("Rule: finetune", extra=job)
    logger.info("Finished jobid: 1", extra={"event": LogEvent.JOB_FINISHED, "job_id": 1})
    logger.info(None, extra={"event": LogEvent.PROGRESS, "done": 1, "total": 2})
    logger.info("Rule: all", extra=job | {"jobid": 0, "rule_name": "all", "rule_msg": None})
    logger.error("RuleException:\nCalledProcessError in file x:\nCommand '{…}' returned 1")
    failed = {"event": LogEvent.JOB_ERROR, "jobid": 0, "rule_name": "all", "rule_msg": None}
    logger.error("Error in rule all", extra=failed)
    logger.warning("The disk is slow")
    logger.error("WorkflowError:\nAt least one job did not complete")


def test_a_line_a_job_says_how_far_the_study_is(terminal):
    logger, stream = terminal()
    run(logger)
    said, *lines = stream.getvalue().splitlines()
    assert said == "Job stats: …"
    assert [line[8:] for line in lines[:3]] == [
        "  0 of 2  Tune",
        "  1 of 2  all",
        "  1 of 2  Failed: all",
    ]
    assert lines[3:] == ["The disk is slow", "WorkflowError:", "At least one job did not complete"]


def test_until_a_rule_the_total_is_that_of_the_jobs_that_run(terminal):
    logger, stream = terminal()
    logger.info("Job stats: …", extra={"event": LogEvent.RUN_INFO, "stats": {"total": 4}})
    logger.info(None, extra={"event": LogEvent.PROGRESS, "done": 1, "total": 29})
    job = {"event": LogEvent.JOB_INFO, "jobid": 1, "rule_name": "mask", "rule_msg": "Mask"}
    logger.info("Rule: mask", extra=job)
    assert stream.getvalue().endswith("  1 of 4  Mask\n")


def test_a_plan_is_a_table_of_rules_with_what_they_do_and_why(terminal):
    logger, stream = terminal(dryrun=True)
    logger.info("Job stats: …", extra={"event": LogEvent.RUN_INFO, "stats": {"total": 7}})
    because = "Input files updated by another job: a; b.json, c"
    jobs = [
        ("mask", "Mask facts with rand", "Params have changed since last execution: before: 1"),
        *(("finetune", f"Tune {i}", because) for i in range(4)),
        ("score", None, f"Missing output files: d; {because}; Forced execution"),
        ("score", "Score", because),
    ]
    for number, (rule, said, reason) in enumerate(jobs):
        facts = {"jobid": number, "rule_name": rule, "rule_msg": said, "reason": reason}
        logger.info(f"Rule: {rule}", extra={"event": LogEvent.JOB_INFO} | facts)
    logger.info("Job stats: …", extra={"event": LogEvent.RUN_INFO, "stats": {"total": 7}})
    logger.info("Reasons:\n    input files updated by another job")
    logger.info("This was a dry-run (flag -n). The order of jobs does not …")
    *lines, end = stream.getvalue().splitlines()
    assert lines == [
        "     1  mask      params have changed since last execution",
        "          Mask facts with rand",
        "     4  finetune  input files updated by another job",
        "          Tune 0",
        "          … and 3 more",
        "     2  score     missing output files, forced execution",
        "          score",
        "          Score",
    ]
    assert end.startswith("     7  jobs; with `--printshellcmds`")


@pytest.mark.parametrize(
    "settings",
    [
        {"dryrun": True, "printshellcmds": True},
        {"dryrun": True, "quiet": {"rules"}},
        {"verbose": True},
    ],
)
def test_a_whole_plan_and_verbose_words_are_as_ever(terminal, settings):
    logger, stream = terminal(**settings)
    logger.info("Building DAG of jobs...")
    logger.info("Finished jobid: 1", extra={"event": LogEvent.JOB_FINISHED, "job_id": 1})
    assert stream.getvalue() == "Building DAG of jobs...\nFinished jobid: 1\n"


def test_nothing_to_be_done_is_said(terminal):
    logger, stream = terminal()
    logger.info("Nothing to be done (all requested files are present and up to date).")
    assert stream.getvalue().startswith("Nothing to be done")


SQUEUE = """#!/bin/sh
echo "$@" >> {folder}/asked
echo "7|RUNNING|None"
[ -e {folder}/free ] && exit
echo "8|PENDING|Priority"
echo "9|PENDING|PartitionTimeLimit"
"""


@pytest.fixture
def cluster(terminal):
    """A logger that hears of a run on Slurm, whose jobs 1, 2 and 3 are Slurm's 7, 8 and 9."""
    logger, stream = terminal()
    logger.info("SLURM run ID: 12-ab")
    logger.info("Job stats: …", extra={"event": LogEvent.RUN_INFO, "stats": {"total": 4}})
    for number in (1, 2, 3):
        facts = {"jobid": number, "rule_name": "tune", "rule_msg": f"Tune {number}"}
        logger.info("Rule: tune", extra=facts | {"event": LogEvent.JOB_INFO, "local": False})
        logger.info("Auto-selected partition 'gpu' for job tune with score 3.0")
        logger.info(f"Job {number} has been submitted with SLURM jobid {number + 6} (log: a.log).")
    yield logger, stream
    logger.handlers[0].close()


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Slurm is asked often; the file of what it was asked."""
    squeue = tmp_path / "squeue"
    squeue.write_text(SQUEUE.format(folder=tmp_path))
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm_queue, "EVERY", 0.05)
    return tmp_path / "asked"


def said(stream, words):
    """Wait until it is said, and return the line without its time."""
    end = monotonic() + 20
    while not (lines := [line for line in stream.getvalue().splitlines() if words in line]):
        assert monotonic() < end, stream.getvalue()
        sleep(0.02)
    return lines[0][8:]


def test_on_a_cluster_a_job_is_a_line_with_its_number_there(cluster):
    logger, stream = cluster
    local = {"event": LogEvent.JOB_INFO, "jobid": 0, "rule_name": "all", "rule_msg": None}
    logger.info("Rule: all", extra=local | {"local": True})
    lines = [line[8:] for line in stream.getvalue().splitlines()]
    assert lines[1:4] == [f"  0 of 4  Tune {i} (Slurm job {i + 6})" for i in (1, 2, 3)]
    assert lines[-1] == "  0 of 4  all"


def test_what_waits_is_said_when_it_changes(asked, cluster):
    _, stream = cluster
    counts = "  0 of 4  Slurm: 1 run, 2 wait (Priority 1, PartitionTimeLimit 1)"
    assert said(stream, "Slurm: ") == counts
    assert asked.read_text().startswith("--noheader --name=12-ab ")
    asked.with_name("free").touch()
    said(stream, "Slurm: 1 run, none waits")
    before = len(asked.read_text().splitlines())
    while len(asked.read_text().splitlines()) < before + 3:
        sleep(0.02)
    assert stream.getvalue().count("Slurm: ") == 2


@pytest.fixture
def free(asked):
    """All jobs run."""
    asked.with_name("free").touch()


def test_while_none_waits_nothing_is_said(asked, free, cluster):
    _, stream = cluster
    while not asked.exists() or len(asked.read_text().splitlines()) < 3:
        sleep(0.02)
    assert "Slurm: " not in stream.getvalue()


def test_a_job_that_can_never_start_is_said_once(asked, cluster):
    _, stream = cluster
    assert said(stream, "will not").startswith(
        "  0 of 4  Slurm will not start 9 (Tune 3): PartitionTimeLimit."
    )
    while len(asked.read_text().splitlines()) < 4:
        sleep(0.02)
    assert stream.getvalue().count("will not start") == 1


def failed(job, log, of_slurm, status="TIMEOUT"):
    return {
        "event": LogEvent.JOB_ERROR,
        "jobid": job,
        "rule_name": "tune",
        "rule_msg": f"SLURM-job '{job + 6}' failed, SLURM status is: '{status}'. Details …",
        "log": [str(log), str(of_slurm)],
    }


def test_what_is_tried_again_says_why_once(cluster, tmp_path):
    logger, stream = cluster
    (tmp_path / "own.log").write_text("".join(f"line {i}\n" for i in range(9)))
    (tmp_path / "slurm.log").write_text("words of Snakemake\n")
    facts = failed(1, tmp_path / "own.log", tmp_path / "slurm.log")
    logger.error("Error in rule tune", extra=facts)
    logger.info("Trying to restart job 1.")
    at = stream.getvalue().index("Failed: ")
    lines = stream.getvalue()[at:].splitlines()[:8]
    assert lines == [
        "Failed: Tune 1 (Slurm job 7: TIMEOUT)",
        *(f"  line {i}" for i in range(4, 9)),
        f"  Its log: {tmp_path / 'own.log'}",
        "  It is tried again.",
    ]
    assert "words of Snakemake" not in stream.getvalue()


def test_what_left_no_log_of_its_own_shows_that_of_slurm(cluster, tmp_path):
    logger, stream = cluster
    (tmp_path / "slurm.log").write_text(
        "Building DAG of jobs...\nslurmstepd: error: killed\n\nShutting down, …\n"
    )
    facts = failed(2, tmp_path / "own.log", tmp_path / "slurm.log", "OUT_OF_MEMORY")
    logger.error("Error in rule tune", extra=facts)
    end = stream.getvalue().partition("Failed: ")[2]
    assert end.startswith(
        "Tune 2 (Slurm job 8: OUT_OF_MEMORY)\n  slurmstepd: error: killed\n"
        f"  Its log: {tmp_path / 'slurm.log'}\n"
    )


def test_what_could_not_be_submitted_says_why(cluster):
    logger, stream = cluster
    facts = {"event": LogEvent.JOB_ERROR, "jobid": 4, "rule_name": "tune", "log": ["none"]}
    message = "SLURM sbatch failed. The error message was 'invalid partition'."
    facts["rule_msg"] = f"{message}\n    sbatch call:\n        sbatch --parsable …"
    logger.error("Error in rule tune", extra=facts)
    assert stream.getvalue().endswith(f"Failed: tune\n  {message}\n")
