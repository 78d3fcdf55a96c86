"""Snakemake on the terminal: a line a job with how far the study is, and every error."""

import logging
from io import StringIO
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_maskpolicy import LogHandler


@pytest.fixture
def terminal(monkeypatch):
    """Makes a logger that writes to what it is returned with."""

    def make(**settings):
        stream = StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        defaults = {"stdout": False, "nocolor": False, "dryrun": False, "verbose": False}
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


@pytest.mark.parametrize("settings", [{"dryrun": True}, {"verbose": True}])
def test_a_plan_and_verbose_words_are_as_ever(terminal, settings):
    logger, stream = terminal(**settings)
    logger.info("Building DAG of jobs...")
    logger.info("Finished jobid: 1", extra={"event": LogEvent.JOB_FINISHED, "job_id": 1})
    assert stream.getvalue() == "Building DAG of jobs...\nFinished jobid: 1\n"


def test_nothing_to_be_done_is_said(terminal):
    logger, stream = terminal()
    logger.info("Nothing to be done (all requested files are present and up to date).")
    assert stream.getvalue().startswith("Nothing to be done")
