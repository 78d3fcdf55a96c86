"""Snakemake's words on the terminal, made few: one line a job, with how far the whole study is.

Snakemake finds a logger by the name of its package; the profile `profiles/default` asks for it. A
plan (`--dry-run`) is a table; with `--printshellcmds` it looks as ever, as `--verbose` and warnings
do, and the log that Snakemake keeps itself has every word.
"""

import sys
from logging import WARNING, LogRecord
from time import strftime
from typing import Any

from rich.console import Console
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_maskpolicy.planned import PlannedJobs

HIDDEN = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
}

CHATTER = (
    "Assuming unrestricted shared filesystem",
    "Building DAG",
    "Using shell",
    "Conda environments: ignored",
    "Select jobs",
    "Execute ",
    "Removing output files of failed job",
    "Shutting down",
    "Complete log",
    # What failed is said in a line, and again at the end, without the whole command.
    "RuleException:\nCalledProcessError",
    "Exiting because a job execution failed",
    # Of a plan, which has them in its table.
    "Reasons:",
)
"""How lines begin that say nothing of a study, and are not marked as anything else."""


class LogHandler(LogHandlerBase):
    """Writes to the terminal in the place of Snakemake's own handler."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        self._console = Console(
            file=sys.stdout if settings.stdout else sys.stderr,
            no_color=settings.nocolor or None,
            highlight=False,
        )
        in_full = settings.verbose or settings.printshellcmds or settings.quiet
        self._plan = PlannedJobs() if settings.dryrun and not in_full else None
        self._as_ever = settings.verbose or (settings.dryrun and not self._plan)
        self._done = self._total = 0
        self._messages: dict[int, str] = {}

    def emit(self, record: LogRecord) -> None:
        """Write what is to be seen of a record, if anything is."""
        shown = self.format(record) if self._as_ever else self._shown(record, vars(record))
        if shown:
            style = "bold red" if record.levelno > WARNING else ""
            self._console.print(Text(shown, style), soft_wrap=True)

    def _shown(self, record: LogRecord, facts: dict[str, Any]) -> str | None:
        event = facts.get("event")
        if self._plan and event == LogEvent.JOB_INFO:
            self._plan.add(facts)
            return None
        if self._plan and event == LogEvent.RUN_INFO:
            return None
        if self._plan and record.getMessage().startswith("This was a dry-run"):
            return "\n".join(self._plan.lines())
        if event == LogEvent.RUN_INFO and "stats" in facts:
            self._total = facts["stats"].get("total", 0)
        if event == LogEvent.PROGRESS:
            self._done = facts["done"]
            # With `--until` this total is that of the whole study, and not of what is to run.
            self._total = self._total or facts["total"]
            return None
        if event == LogEvent.JOB_INFO:
            self._messages[facts["jobid"]] = facts["rule_msg"] or facts["rule_name"]
            return self._line(self._messages[facts["jobid"]])
        if event == LogEvent.JOB_ERROR:
            return self._line(f"Failed: {self._messages.get(facts['jobid'], facts['rule_name'])}")
        if event in HIDDEN or (
            event in (None, LogEvent.ERROR) and record.getMessage().startswith(CHATTER)
        ):
            return None
        return self.format(record)

    def _line(self, what: str) -> str:
        total = str(self._total)
        return f"{strftime('%H:%M:%S')}  {self._done:>{len(total)}} of {total}  {what}"
