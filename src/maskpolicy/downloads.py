"""Files of the web: downloaded whole or not at all, gone on with where they were broken off."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from maskpolicy.artefacts import sha256
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.progress import work_progress

CHUNK = 1 << 20
"""Bytes that are read at a time, and that a step of the progress bar stands for."""

TIMEOUT = 60.0
"""Seconds without a byte after which a server counts as gone."""


@dataclass(frozen=True)
class WebFile:
    """A file of the web, its size in bytes and SHA-256 in hex where its publisher's are known."""

    url: str
    bytes: int | None = None
    sha256: str | None = None


def download(file: WebFile, path: Path) -> None:
    """Write `file` to `path`; nothing is downloaded when it is there and right.

    What has come stands beside it as `.part`, and the next call goes on after it if the server can
    send parts. Raises InputError naming the URL that can't be fetched, and the file that is another
    one than `file` says: one just downloaded is kept as `.wrong`, for a look.
    """
    if path.exists():
        if problem := _wrong(file, path):
            raise InputError(f"{path} is there already, and {problem}; move it to fetch it again")
        return
    part = path.with_name(f"{path.name}.part")
    with _written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not part.exists() or part.stat().st_size != file.bytes:
            _complete(file, part)
        if problem := _wrong(file, part):
            part.replace(path.with_name(f"{path.name}.wrong"))
            raise InputError(
                f"{file.url}: {problem}: it was damaged on the way, or is published anew;"
                f" what came is kept as {path}.wrong"
            )
        part.replace(path)


def _wrong(file: WebFile, path: Path) -> str | None:
    """What of a file on disk is not as its publisher has it."""
    size = path.stat().st_size
    if file.bytes is not None and file.bytes != size:
        return f"it has {size:,} bytes, not {file.bytes:,}"
    if file.sha256 is not None and file.sha256 != (digest := sha256(path)):
        return f"its SHA-256 is {digest}, not {file.sha256}"
    return None


def _complete(file: WebFile, part: Path) -> None:
    """Fetch what `part` lacks; it is kept when the connection breaks off."""
    begun = part.stat().st_size if part.exists() else 0
    if file.bytes is not None and begun > file.bytes:
        begun = 0
    with _opened(file, part, begun) as response:
        if response.status != 206:
            begun = 0
        elif not (response.headers["Content-Range"] or "").startswith(f"bytes {begun}-"):
            raise InputError(f"{file.url}: the server sends another part than it is asked for")
        length = response.headers["Content-Length"] or ""
        total = begun + int(length) if length.isdecimal() else None
        if file.bytes is not None and total is not None and total != file.bytes:
            problem = f"the server has {total:,} bytes, not {file.bytes:,}: it is published anew"
            raise InputError(f"{file.url}: {problem}")
        changed = _last_modified(response)
        with (
            part.open("ab" if begun else "wb", buffering=0) as output,
            _shown(part.stem, begun, total) as advance,
        ):
            while chunk := _read(file, response):
                output.write(chunk)
                if changed is not None:
                    os.utime(part, (changed, changed))
                advance()
    if total is not None and part.stat().st_size < total:
        got = f"{part.stat().st_size:,} of {total:,} bytes"
        raise _broken_off(file, f"the connection ended after {got}")


@contextmanager
def _opened(file: WebFile, part: Path, begun: int) -> Iterator[HTTPResponse]:
    """The answer to a request for all after the first `begun` bytes, or from the start."""
    headers = {"User-Agent": "maskpolicy", "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
        if file.sha256 is None:
            # Nothing would tell that the two parts are of different files. A part has the time of
            # change that the server told (see `_complete`): with another one it sends the whole.
            headers["If-Range"] = formatdate(part.stat().st_mtime, usegmt=True)
    try:
        response = urlopen(Request(file.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and begun:  # the part is no beginning of what the server has
            part.unlink()
            with _opened(file, part, 0) as response:
                yield response
            return
        answer = f"the server answers {error.code} {error.reason}"
        raise InputError(f"{file.url}: {answer}") from error
    except URLError as error:
        raise _broken_off(file, error.reason) from error
    except (OSError, HTTPException) as error:
        raise _broken_off(file, error) from error
    with response:
        yield response


def _read(file: WebFile, response: HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _broken_off(file, error) from error


def _broken_off(file: WebFile, error: BaseException | str) -> InputError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError(f"{file.url}: {reason}; run the same again to go on")


def _last_modified(response: HTTPResponse) -> float | None:
    """When the server says that the file was changed last."""
    try:
        return parsedate_to_datetime(response.headers["Last-Modified"]).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


@contextmanager
def _shown(name: str, begun: int, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield what is to be called after each chunk; without a total there is nothing to show."""
    if total is None:
        yield lambda: None
        return
    chunks = [-(-size // CHUNK) for size in (begun, total)]
    with work_progress(f"{name} (MB)", chunks[1], chunks[0]) as advance:
        yield lambda: advance(1)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn what goes wrong on the disk into one line that names `path`."""
    try:
        yield
    except OSError as error:
        raise ArtefactError(f"cannot write {path}: {error.strerror or error}") from error
