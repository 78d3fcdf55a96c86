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
"""Bytes: a line that is longer is that of another format, and would fill the memory. As many
characters has the longest field of CSV, whose last line is that of a missing quotation mark."""


def codec_of(path: Path) -> str | None:
    """How :func:`open_bytes` decompresses a file, by its name; None for a plain one."""
    return CODECS.get(path.suffix.lower())


@contextmanager
def open_bytes(path: Path) -> Iterator[BufferedReader]:
    """A file to be read, decompressed where its name ends in .gz, .bz2, .zst or .lz4.

    Raises ArtefactError naming the file, also for what goes wrong while it is read.
    """
    try:
        with path.open("rb") as file:
            if codec := codec_of(path):
                import pyarrow as pa  # heavy, and plans import this module

                yield BufferedReader(pa.CompressedInputStream(file, codec), 1 << 20)
            else:
                yield file
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise ArtefactError(f"cannot read {path}: {reason}") from error


def byte_lines(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of an open file with their numbers, from 1, and their ends.

    Raises ArtefactError naming the one that is longer than LONGEST_LINE.
    """
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise ArtefactError(f"{path}, line {number}: longer than {LONGEST_LINE >> 20} MB")
        yield number, line


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1, without line ends.

    The file may be compressed (see :func:`open_bytes`). Raises ArtefactError naming the file, and
    the line that is not UTF-8, has a NUL in it (UTF-16 is full of them) or is longer than
    LONGEST_LINE.
    """
    with open_bytes(path) as file:
        for number, line in byte_lines(path, file):
            if b"\0" in line:
                raise ArtefactError(f"{path}, line {number}: not UTF-8 text (a NUL character)")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 text ({error.reason})"
                raise ArtefactError(f"{path}, line {number}: {problem}") from error
            yield number, text.rstrip("\r\n")


def read_csv(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its first line; blank lines are passed over.

    Fields may be quoted, with quotation marks in them doubled and line ends as "\\n". Raises
    ArtefactError naming the file and line, as :func:`read_lines` and where quoting is broken.
    """
    csv.field_size_limit(LONGEST_LINE)  # of the process; its default is shorter than some articles
    rows = csv.reader(
        (f"{line}\n" for _, line in read_lines(path)), delimiter=delimiter, strict=True
    )
    number = 1
    try:
        for row in rows:
            if row:
                yield number, row
            number = rows.line_num + 1
    except csv.Error as error:
        problem = f"not valid CSV: {error}"
        if rows.line_num > number:
            problem += f" in a row that goes on to line {rows.line_num}"
        if rows.line_num > number or "end of data" in problem:
            problem += ": a missing quotation mark?"
        raise ArtefactError(f"{path}, line {number}: {problem}") from error


def parse_csv_line(line: str, place: str, delimiter: str = ",") -> list[str]:
    """The fields of a row of CSV that is one line: an open quotation mark ends with it, and does
    not swallow the lines after it. Raises ArtefactError naming the place.
    """
    csv.field_size_limit(LONGEST_LINE)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ArtefactError(f"{place}: not a row of CSV: {error}") from error


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV, None as an empty field; the header is there without any rows, too."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
