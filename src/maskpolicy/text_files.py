"""Text files, plain or compressed: lines, and CSV, with errors that name file and line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, StringIO
from pathlib import Path
from typing import BinaryIO

from maskpolicy.artefacts import write_text
from maskpolicy.errors import ArtefactError

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""Ending of a compressed file -> how it is compressed."""

LONGEST_LINE = 1 << 27
"""Bytes: a line that is longer is that of another format, and would fill the memory."""


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """A file to be read, decompressed where its name ends in .gz, .bz2, .zst or .lz4.

    Raises ArtefactError naming the file, also for what goes wrong while it is read.
    """
    try:
        with path.open("rb") as file:
            if codec := CODECS.get(path.suffix):
                import pyarrow as pa  # heavy, and plans import this module

                yield BufferedReader(pa.CompressedInputStream(file, codec), 1 << 20)
            else:
                yield file
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise ArtefactError(f"cannot read {path}: {reason}") from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1, without line ends.

    The file may be compressed (see :func:`open_bytes`). Raises ArtefactError naming the file, and
    the line that is not UTF-8, has a NUL in it (UTF-16 is full of them) or is longer than
    LONGEST_LINE.
    """
    number = 0
    with open_bytes(path) as file:
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                raise ArtefactError(f"{path}, line {number}: longer than {LONGEST_LINE >> 20} MB")
            if b"\0" in line:
                raise ArtefactError(f"{path}, line {number}: not UTF-8 text (a NUL character)")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 text ({error.reason})"
                raise ArtefactError(f"{path}, line {number}: {problem}") from error
            yield number, text.rstrip("\r\n")


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV, None as an empty field; the header is there without any rows, too."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
