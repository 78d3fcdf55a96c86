"""A plan in brief: how many jobs of each rule, for which reasons, and what the first of them do."""

import re
from collections.abc import Iterator
from typing import Any

SHOWN = 3
"""Jobs of a rule that are all named; of more only the first."""

OF_OTHERS = "input files updated by another job"
"""The reason of all that follows from another job, and so of most."""


class PlannedJobs:
    """The jobs of a dry run, rule by rule in the order in which they came."""

    def __init__(self) -> None:
        self._messages: dict[str, list[str]] = {}
        self._reasons: dict[str, dict[str, None]] = {}

    def add(self, job: dict[str, Any]) -> None:
        """Take what Snakemake logs of a job."""
        rule = job["rule_name"]
        self._messages.setdefault(rule, []).append(job["rule_msg"] or rule)
        # As "Missing output files: a, b; Code has changed since last execution", with all files.
        words = re.findall(r"(?:^|; )([A-Z][^:;.]*)", job["reason"] or "")
        self._reasons.setdefault(rule, {}).update(dict.fromkeys(map(str.lower, words)))

    def lines(self) -> Iterator[str]:
        """The table: jobs, rule and reasons; below each rule what its jobs do."""
        total = sum(map(len, self._messages.values()))
        width = max(map(len, self._messages), default=0)
        for rule, messages in self._messages.items():
            reasons = [word for word in self._reasons[rule] if word != OF_OTHERS] or [OF_OTHERS]
            yield f"{len(messages):>6,}  {rule:<{width}}  {', '.join(reasons)}"
            shown = messages if len(messages) <= SHOWN else messages[:1]
            yield from (f"{'':>10}{message}" for message in shown)
            if more := len(messages) - len(shown):
                yield f"{'':>10}… and {more:,} more"
        yield f"{total:>6,}  jobs; with `--printshellcmds` each with its reasons and its command"
