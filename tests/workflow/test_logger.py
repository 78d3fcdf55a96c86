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
