"""Where a study's figures come from: code, configuration, machine and dates."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import maskpolicy
from maskpolicy.errors import InputError, listed
from maskpolicy.site.results import StudyResults
from maskpolicy.study.loading import CONFIGURATION

PACKAGES = ("maskpolicy", "torch", "transformers", "tokenizers", "spacy", "numpy", "scipy")
"""Whose versions decide figures."""


def provenance(results: StudyResults) -> dict[str, str]:
    """What to cite of a study, by what it is called. Dates are those of its files, in UTC."""
    facts = {
        "Results": f"{results.study.results}/",
        "Configuration": ", ".join(results.configured_in) or CONFIGURATION,
        "Its hash": configuration_hash(results.folder),
        "Code of this page": commit(),
        "Versions beside it": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "Python of this page": platform.python_version(),
        "Machine of this page": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
    }
    times = [path.stat().st_mtime for path in results.folder.glob("runs/**/metrics.json")]
    if times:
        first, last = (datetime.fromtimestamp(pick(times), UTC) for pick in (min, max))
        facts["Runs scored"] = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    return facts


def reproduction(table: Path) -> list[str]:
    """Lines of a shell that make a table again: `table` is any of its files.

    Raises InputError for a file that is none of a table of a study's results.
    """
    name, folder = table.name.partition(".")[0], table.parent.parent
    results = StudyResults.read(folder)
    if name not in results.study.tables:
        raise InputError(f"{table} is no table of {folder}: it has {listed(results.study.tables)}")
    code = commit()
    return [
        f"# {name} of {folder}, configuration {configuration_hash(folder)}",
        f"# the code that is installed now, whatever made it: {code}",
        *([f"git checkout {code.split()[1].strip(',')}"] if code.startswith("commit ") else []),
        "make install",
        results.exact_command(f"{results.study.results}/tables/{name}.md"),
    ]


def configuration_hash(folder: Path) -> str:
    """The first letters of the hash of what was run."""
    return f"sha256:{sha256((folder / CONFIGURATION).read_bytes()).hexdigest()[:16]}"


def commit() -> str:
    """The commit of this package, where it is a checkout, and whether it was changed."""
    here = Path(maskpolicy.__file__).parent
    try:
        # First that the package is kept there: an environment may lie in anybody's checkout.
        _, head, changed = (
            subprocess.run(
                ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (
                ["ls-files", "--error-unmatch", "__init__.py"],
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "--", "."],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "an installed package, no checkout"
    return f"commit {head[:12]}" + (", changed since" if changed else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
