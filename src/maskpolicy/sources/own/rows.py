"""Rows of named fields, from JSONL, CSV, TSV or Parquet by the file's ending, or from the hub."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from maskpolicy.errors import ArtefactError, closest, did_you_mean
from maskpolicy.json_files import JsonObject, read_json_lines, read_json_objects
from maskpolicy.sources import base
from maskpolicy.text_files import codec_of, read_csv

Reader = Callable[[Path], Iterator[JsonObject]]

ROWS_PER_BATCH = 256
"""Of Parquet, in memory at a time: some have pages of a book or pictures in them."""


class Rows(base.Source):
    """Base of the sources of this room: their files, or a dataset of the hub instead of them."""

    hub: str | None = None  # owner/name; what else would be paths are the names of its splits
    hub_config: str | None = None
    format: Literal["jsonl", "json", "csv", "tsv", "parquet"] | None = None
    # where the files' endings don't say it, as SciBERT's train.txt, which is JSONL

    @model_validator(mode="after")
    def _have_known_endings(self) -> "Rows":
        """A pattern may leave them to the files that it finds."""
        for field, path in self.paths().items():
            unclear = self.format is None and "*" not in Path(path).name
            if unclear and (problem := _problem_of(Path(path))):
                raise ValueError(f"`{field}`: {problem}")
        if self.hub_config is not None and self.hub is None:
            raise ValueError("`hub_config` is that of a dataset of the `hub`, which is missing")
        return self

    def paths(self) -> dict[str, str]:
        """The files and patterns that are read, by the field that gives them; none of the hub's."""
        return {} if self.hub else super().paths()

    @property
    def named(self) -> str:
        """What messages call it: its files, or the dataset."""
        return self.hub or super().named

    def split_places(self) -> Iterator[tuple[str, str]]:
        """The splits that are named, with the path, pattern or split of the dataset of each."""
        for split in base.SPLITS:
            if (at := getattr(self, split)) is not None:
                yield split, at

    def rows(self, at: str) -> Iterator[JsonObject]:
        """The rows of a path or pattern, or of a split of the dataset.

        Raises ArtefactError naming the file and line that can't be read, and where there is no row.
        """
        if self.hub:
            rows = read_hub(self.hub, self.hub_config, at)
        else:
            rows = chain.from_iterable(read_rows(path, self.format) for path in base.files_at(at))
        row = None
        for row in rows:
            yield row
        if row is None:
            raise ArtefactError(f"{f'{self.hub}, {at}' if self.hub else at}: it has no rows")


def read_rows(path: Path, format: str | None = None) -> Iterator[JsonObject]:
    """The rows of a file, whose format follows from its ending unless it is given.

    Raises ArtefactError, naming the path, where the ending is none of those known.
    """
    if format is None and (problem := _problem_of(path)):
        raise ArtefactError(problem)
    return READERS[format or _format(path)](path)


def read_hub(name: str, config: str | None, split: str) -> Iterator[JsonObject]:
    """The rows of a split of a dataset of the hub, which is downloaded once, or of a local folder.

    Raises ArtefactError when the package `datasets` is missing or can't load it.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ArtefactError(
            f"cannot load {name}: {error}: pip install 'maskpolicy[hub]'"
        ) from error
    place = f"{name}, {split}"
    try:
        for number, fields in enumerate(load_dataset(name, config, split=split), start=1):
            yield JsonObject(f"{place}, row {number}", number, fields)
    except Exception as error:  # it raises what each of its many libraries does
        raise ArtefactError(f"cannot load {place}: {' '.join(str(error).split())}") from error


def _read_separated(path: Path, delimiter: str) -> Iterator[JsonObject]:
    """The rows of CSV by the names of its header."""
    lines = read_csv(path, delimiter)
    number, header = next(lines, (1, []))
    if repeated := next((name for name in header if name and header.count(name) > 1), None):
        raise ArtefactError(f"{path}, line {number}: the header has {repeated!r} twice")
    for number, row in lines:
        place = f"{path}, line {number}"
        if len(row) != len(header):
            problem = f"{len(row)} fields, but the header has {len(header)}"
            raise ArtefactError(f"{place}: {problem}: a delimiter or line end without quotes?")
        yield JsonObject(place, number, dict(zip(header, row, strict=True)))


def _read_parquet(path: Path) -> Iterator[JsonObject]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with (
            path.open("rb") as opened,
            ParquetFile(
                opened,
                pre_buffer=False,  # a group of rows may be larger than memory:
                buffer_size=1 << 20,  # it is read piece by piece
                page_checksum_verification=True,
            ) as file,
        ):
            for batch in file.iter_batches(ROWS_PER_BATCH):
                for fields in batch.to_pylist():
                    number += 1
                    yield JsonObject(f"{path}, row {number}", number, fields)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        where = f", after row {number}" if number else ""
        raise ArtefactError(f"cannot read {path}{where}: {reason}") from error


READERS: dict[str, Reader] = {
    "jsonl": read_json_lines,
    "json": read_json_objects,  # a line each, as C4 has them, or a list as the whole document
    "csv": partial(_read_separated, delimiter=","),
    "tsv": partial(_read_separated, delimiter="\t"),
    "parquet": _read_parquet,
}
"""By a file's ending, before that of its compression; Parquet is compressed inside."""


def _format(path: Path) -> str:
    """A file's ending without its point and before that of its compression, in lower case."""
    plain = path.with_suffix("") if codec_of(path) else path
    return plain.suffix.removeprefix(".").lower()


def _problem_of(path: Path) -> str | None:
    """What is wrong with the ending of a path, or None."""
    format = _format(path)
    if format not in READERS:
        known = ", ".join(f".{name}" for name in READERS)
        like = (
            did_you_mean(closest(format, READERS))
            or "; if it is one of these, name it so or give `format`"
        )
        return f"{str(path)!r} ends in none of {known}, nor in one of these and .gz, …{like}"
    if format == "parquet" and codec_of(path):
        return f"{str(path)!r}: Parquet is compressed inside; decompress the file"
    return None
