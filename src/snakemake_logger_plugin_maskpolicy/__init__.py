"""Snakemake's words on the terminal, made few: one line a job, with how far the whole study is.

On a cluster a job is a line when it is submitted, with its number there, and what the others wait
for is a line when it changes. One that failed and is tried again says what its log said.

Snakemake finds a logger by the name of its package; the profile `profiles/default` asks for it. A
plan (`--dry-run`) is a table; with `--printshellcmds` it looks as ever, as `--verbose` and warnings
do, and the log that Snakemake keeps itself has every word.
"""

import re
import sys
from logging import WARNING, LogRecord
from pathlib import Path
from time import strftime
from typing import Any

from rich.console import Console
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_maskpolicy.planned import PlannedJobs
from snakemake_logger_plugin_maskpolicy.slurm_queue import SlurmQueue

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
    # Of the plug-in for Slurm: how it finds an account and a partition where none was named.
    "No SLURM account given",
    "No account was given",
    "Guessed SLURM account",
    "Unable to guess SLURM account",
    "Both 'sacctmgr' and 'sshare' returned empty",
    "Auto-selected partition",
    "Cleaning up SLURM log files",
    # Of a plan, which has them in its table.
    "Reasons:",
)
"""How lines begin that say nothing of a study, and are not marked as anything else."""

NOT_SLURM = (
    *("Building DAG", "Using shell", "Provided ", "Rules claiming", "Conda environments"),
    *("Select jobs", "Execute ", "Job 0: ", "Reason: ", "Finished jobid", "Storing output"),
    *("Error in rule", "RuleException:", "CalledProcessError", "Command '", "WorkflowError:"),
    *("At least one job", "Will exit", "Exiting because", "Shutting down", "Elapsed time"),
    *("    ", "["),
)
"""How lines of a job's log begin that are Snakemake's, where it ran the rule."""

SLURM_RUN = re.compile(r"SLURM run ID: (\S+)")
SUBMITTED = re.compile(r"Job (\d+) has been submitted with SLURM jobid (\d+)")
TRIED_AGAIN = re.compile(r"Trying to restart job (\d+)")
STATUS = re.compile(r"SLURM status is: '(\w+)'")


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
        self._slurm_jobs: dict[str, int] = {}
        self._failed_logs: dict[int, list[str]] = {}
        self._queue: SlurmQueue | None = None

    def close(self) -> None:
        """Watch no cluster any more."""
        if self._queue:
            self._queue.close()
        super().close()

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
            if self._queue and not facts.get("local"):  # a line when it is submitted
                return None
            return self._line(self._messages[facts["jobid"]])
        if event == LogEvent.JOB_ERROR:
            return self._line(self._failure(facts))
        if event is None and (shown := self._of_slurm(record.getMessage())) is not None:
            return shown
        if event in HIDDEN or (
            event in (None, LogEvent.ERROR) and record.getMessage().startswith(CHATTER)
        ):
            return None
        return self.format(record)

    def _of_slurm(self, message: str) -> str | None:
        """What is shown of a message of the plug-in for Slurm; None if it is none."""
        if run := SLURM_RUN.match(message):
            self._queue = SlurmQueue(run[1], self._tell, self._warn)
            return ""
        if submitted := SUBMITTED.match(message):
            job, number = int(submitted[1]), submitted[2]
            self._slurm_jobs[number] = job
            return self._line(f"{self._messages.get(job, 'a job')} (Slurm job {number})")
        if again := TRIED_AGAIN.match(message):
            return "\n".join([*self._failed_logs.pop(int(again[1]), []), "  It is tried again."])
        return None

    def _failure(self, facts: dict[str, Any]) -> str:
        from maskpolicy.reporting.terminal import last_lines

        job, said = facts["jobid"], facts["rule_msg"] or ""
        log, *of_slurm = [Path(log) for log in facts.get("log") or ()] or [Path()]
        self._failed_logs[job] = own = last_lines(log)
        line = f"Failed: {self._messages.get(job, facts['rule_name'])}"
        numbers = [number for number, of in self._slurm_jobs.items() if of == job]
        if (status := STATUS.search(said)) and numbers:
            line += f" (Slurm job {numbers[-1]}: {status[1]})"
        elif self._queue and said:  # it was not even submitted
            line += f"\n  {said.splitlines()[0]}"
        # What it left itself is said when it is tried again, or else at the end.
        others = [] if own else [words for log in of_slurm for words in last_lines(log, NOT_SLURM)]
        return "\n".join([line, *others])

    def _tell(self, what: str) -> None:
        self._console.print(Text(self._line(f"Slurm: {what}")), soft_wrap=True)

    def _warn(self, number: str, reason: str) -> None:
        job = self._messages.get(self._slurm_jobs.get(number, -1), "a job")
        said = f"Slurm will not start {number} ({job}): {reason}. `scontrol show job {number}` says"
        said += " what it asks for; lower it by cluster/config.yaml, or name another partition"
        self._console.print(Text(self._line(said), "bold red"), soft_wrap=True)

    def _line(self, what: str) -> str:
        total = str(self._total)
        return f"{strftime('%H:%M:%S')}  {self._done:>{len(total)}} of {total}  {what}"
