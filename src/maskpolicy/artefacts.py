"""Artefacts: files that are either complete or absent, each with a small manifest.

A stage writes through :func:`atomic_path` (a temporary file in the same directory, renamed when
whole) and finishes with a manifest: a JSON file with the content hash of what was written and the
counts worth showing. Manifests hold no time stamps, so a rerun with the same result is
byte-identical; the workflow makes *them* the inputs of later stages, because touching a big file
must not rerun anything.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from socket import gethostname
from typing import Any

from maskpolicy.errors import ArtefactError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    Raises ArtefactError, naming the file, when the disk is full or the directory can't be written,
    whichever library finds out.
    """
    temporary = _beside(path)
    try:
        with _explained(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):  # where nothing could be written, there is nothing to remove
            temporary.unlink()


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; on success it takes the place of `path`.

    Raises ArtefactError, naming the directory, when the disk is full or it can't be written.
    """
    temporary = _beside(path)
    try:
        with _explained(path, temporary):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    clear_temporaries(path)
    return path.with_name(f".{path.name}.{gethostname()}.{os.getpid()}.tmp")


def clear_temporaries(path: Path) -> None:
    """Remove what processes of this machine that were killed while they wrote `path` left beside
    it: those of others, in a folder of several machines, may be at work.
    """
    for left in path.parent.glob(f".{escape(path.name)}.{escape(gethostname())}.*.tmp"):
        process = left.name.split(".")[-2]
        if process.isdigit() and not _runs(int(process)):
            with suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _runs(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


@contextmanager
def _explained(path: Path, temporary: Path) -> Iterator[None]:
    """Turn what goes wrong while `temporary` is written into one line that names `path`."""
    try:
        yield
    except ArtefactError as error:  # a file in a temporary directory, whose name tells nobody much
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    except OSError as error:
        if error.filename is not None:
            file = Path(os.fsdecode(error.filename))
            if not (file.is_relative_to(temporary) or path.is_relative_to(file)):
                raise  # somebody else's file: not ours to explain
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ArtefactError(f"cannot write {path}: {reason}") from error
    except Exception as error:
        # Libraries in Rust (safetensors, tokenizers) have exceptions of their own for a full disk.
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None or int(found[1]) not in _DISK:
            raise
        raise ArtefactError(f"cannot write {path}: {os.strerror(int(found[1]))}") from error


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises ArtefactError, naming the file and line, when it can't be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is not valid JSON: {error}") from error


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes. Raises ArtefactError, naming a file that can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error


def fingerprint(*settings: Any, files: Sequence[Path]) -> str:
    """What a result depends on: settings (plain data), and the content of files.

    Raises ArtefactError, naming the file, when one can't be read.
    """
    described = [*settings, *map(sha256, files)]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def is_vouched_for(manifest: Path, made_of: str) -> bool:
    """Whether a manifest says that its files are made of what has this fingerprint, and they are
    there as it describes them.
    """
    try:
        return read_json(manifest)["fingerprint"] == made_of and is_whole(manifest)
    except (ArtefactError, KeyError, TypeError):
        return False


def is_whole(manifest: Path) -> bool:
    """Whether a manifest is there, and its files are as it describes them."""
    try:
        return all(
            sha256(manifest.parent / name) == file["sha256"]
            for name, file in read_json(manifest)["files"].items()
        )
    except (ArtefactError, KeyError, TypeError, AttributeError):
        return False


def write_manifest(path: Path, files: Sequence[Path], **facts: Any) -> None:
    """Write the manifest of a stage: hash and size of each file, and plain facts."""
    described = {
        os.path.relpath(file, path.parent): {
            "sha256": sha256(file),
            "bytes": file.stat().st_size,
        }
        for file in files
    }
    write_json(path, {"files": described, **facts})
