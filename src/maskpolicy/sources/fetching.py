"""From the name of a release to its files on disk, and how to look at them."""

import shlex
import sys
from pathlib import Path

from maskpolicy.archives import unpack, unpacked
from maskpolicy.downloads import WebFile, download
from maskpolicy.errors import InputError
from maskpolicy.sources.chosen import written
from maskpolicy.sources.registry import licence_of
from maskpolicy.sources.releases import Release, find_release


def fetch_release(name: str, folder: Path, unpacking: bool) -> None:
    """Download the files of a release to `folder`, but for those that are there, and check them.

    With `unpacking`, archives are unpacked, each into a folder beside it. How far files could be
    checked is said on stderr. Raises InputError for an unknown release, or one that can only be had
    by hand, and as :func:`download` and :func:`unpack` do.
    """
    release = find_release(name)
    if not release.files:
        raise InputError(f"{name} has no public file: see {release.page}. {release.note}")
    for file in release.files:
        path = folder / file.name
        download(file, path)
        print(f"{path}: {path.stat().st_size:,} bytes, {_checked(file)}", file=sys.stderr)
        target = unpacked(path)
        if unpacking and target is not None and not target.exists():
            unpack(path, target)
            print(f"{target}: unpacked", file=sys.stderr)


def _checked(file: WebFile) -> str:
    if file.sha256 is not None:
        return "its SHA-256 is the published one"
    but = ", but for its size" if file.bytes is not None else ""
    return f"not checked{but}: no published hash is known"


def ways_on(name: str, folder: Path) -> list[tuple[str, str]]:
    """What to know of a fetched release and to do with it: what it is, and the text or command."""
    release = find_release(name)
    ways = [
        ("licence", release.licence or licence_of(release.source)),
        ("page", release.page),
    ]
    if release.note:
        ways.append(("note", release.note))
    packed = [target for file in release.files if (target := unpacked(folder / file.name))]
    if not all(target.exists() for target in packed):
        again = ["maskpolicy", "fetch", name, "--output", str(folder.parent), "--unpack"]
        ways.append(("unpack it", shlex.join(again)))
    elif release.paths:
        ways.append(("look at it", shlex.join(inspection_of(release, folder))))
    return ways


def inspection_of(release: Release, folder: Path) -> list[str]:
    """The words of the command that shows what the source reads of a release."""
    (_, first), *others = ((key, _place(folder, end)) for key, end in release.paths.items())
    keys = [f"--key={key}={written(value)}" for key, value in (*others, *release.keys.items())]
    return ["maskpolicy", "inspect", first, "--source", release.source, *keys]


def _place(folder: Path, end: str) -> str:
    """The file or folder whose path ends so, wherever its archive has it; or a pattern as it is."""
    found = [] if "*" in end else sorted(folder.rglob(end))
    return str(found[0] if found else folder / end)
