"""Where a study's figures come from: code, configuration, machines and dates."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from shlex import join

from maskpolicy.artefacts import read_json
from maskpolicy.errors import InputError, counted, listed
from maskpolicy.json_files import read_json_lines
from maskpolicy.provenance import (
    PROVENANCE,
    Makers,
    configuration_hash,
    installed_code,
    read_starts,
)
from maskpolicy.site.results import StudyResults
from maskpolicy.study.loading import CONFIGURATION
from maskpolicy.training.step_log import LOG_NAME

CPU = "cpu"
"""What trainings call a device that is no GPU."""


def provenance(results: StudyResults) -> dict[str, str]:
    """What to cite of a study, by what it is called."""
    facts = {
        "Results": f"{results.study.results}/",
        "Files": ", ".join(results.configured_in) or CONFIGURATION,
        "Hash": configuration_hash(results.folder / CONFIGURATION),
    }
    if starts := read_starts(results.folder / PROVENANCE):
        facts["Started"] = f"{counted(len(starts), 'time')}, {_between(s.time for s in starts)}"
    return facts | {"These pages": f"built by {installed_code()}"}


def table_provenance(results: StudyResults, table: str, devices: Counter[str]) -> dict[str, str]:
    """Who made a table: what its page says, machines, the `devices_of` it, and dates in UTC."""
    makers, files = makers_of(results, table), results.tables[table].files
    facts = dict(makers.facts)
    if makers.starts:
        facts["Machine"] = makers.each(
            start.machine + (" (jobs on a cluster)" if start.cluster else "")
            for start in makers.starts
        )
    if devices:
        on = (f"{name} ({counted(number, 'training')})" for name, number in devices.most_common())
        facts["Trained on"] = ", ".join(on)
    if makers.starts:
        facts["Started"] = _between(start.time for start in makers.starts)
    runs = [run for run in map(results.at, files.runs) if run.is_file()]
    if runs and not makers.copied:
        facts["Scored"] = _between(datetime.fromtimestamp(run.stat().st_mtime, UTC) for run in runs)
    return facts


def makers_of(results: StudyResults, table: str) -> Makers:
    """The starts that made a table."""
    made = [f"{results.study.results}/tables/{table}.significance.json"]
    made += results.tables[table].files.made
    return Makers.of(results.folder / PROVENANCE, map(results.at, made))


def devices_of(results: StudyResults, table: str) -> Counter[str]:
    """The devices that the trainings of a table say they ran on, and how many on each."""
    files = results.tables[table].files
    manifests = map(results.at, files.trained)
    logs = (results.at(run).with_name(LOG_NAME) for run in files.runs)
    said = [read_json(manifest) for manifest in manifests if manifest.is_file()]
    said += [
        line.fields for log in logs if log.is_file() for line in islice(read_json_lines(log), 1)
    ]
    devices = (each.get("device") for each in said if isinstance(each, dict))
    return Counter(device for device in devices if isinstance(device, str))


def reproduction(table: Path) -> list[str]:
    """Lines of a shell that make a table again, in a fresh clone: `table` is any of its files.

    Raises InputError for a file that is none of a table of a study's results.
    """
    name, tables = table.name.partition(".")[0], table.absolute().parent
    folder = tables.parent
    results = StudyResults.read(folder)
    if name not in results.study.tables or tables.name != "tables" or not table.is_file():
        raise InputError(f"{table} is no table of {folder}: it has {listed(results.study.tables)}")
    home = results.study.results
    makers, installed = makers_of(results, name), installed_code()
    code = makers.starts[-1].code if makers.starts else installed
    configuration = configuration_hash(folder / CONFIGURATION)
    lines = [
        f"# the table {name}, configuration {configuration}",
        f"# made by: {makers.facts['Code']}",
    ]
    if len({start.code for start in makers.starts}) > 1:
        lines.append("# by several, of which one alone may make other figures; below is the last")
    if code.changed:
        lines.append("# what was changed since that commit is in none")
    if code != installed or not makers.starts:
        lines.append(f"# installed now: {installed}")
    if makers.starts and makers.starts[-1].configuration != configuration:
        lines.append("# the configuration has changed since, if in nothing that the table needs")
    return [
        *lines,
        "# in a fresh clone; beside these results nothing is made again that is there",
        *([f"git checkout {code.commit}"] if code.commit else []),
        "make install",
        join(["mkdir", "-p", home]),
        join(["cp", str(folder / CONFIGURATION), f"{home}/{CONFIGURATION}"]),
        results.exact_command(f"{home}/tables/{name}.md"),
    ]


def _between(times: Iterable[datetime]) -> str:
    """The first and the last of some times, to minutes."""
    written = sorted(f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in times)
    return " to ".join(dict.fromkeys([written[0], written[-1]])) + " UTC"
