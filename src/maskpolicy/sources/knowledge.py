"""A knowledge source: pages of paragraphs in one JSONL file, found by an index of their ids.

KILT (Petroni et al. 2021) resolves the evidence of all its tasks in one: 5.9 million pages of
Wikipedia as of 2019-08-01, 35 GiB, a line {wikipedia_id, wikipedia_title, text: [title, paragraph,
…], …} each. One pass over the file makes the index; then pages are read where they stand.
"""

import hashlib
import os
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict, field_validator

from maskpolicy.artefacts import write_manifest
from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import JsonObject, is_text, parse_object
from maskpolicy.progress import work_progress
from maskpolicy.records import JsonRecord
from maskpolicy.sources import base
from maskpolicy.specs import LocalPath, Name, Spec
from maskpolicy.text_files import LONGEST_LINE, byte_lines, codec_of, open_bytes

if TYPE_CHECKING:  # heavy, and plans import this module
    import pyarrow as pa

ENDS = 1 << 20
"""Bytes at the beginning and at the end of a file that tell it from another one of its size."""

_BATCH = 1 << 16  # rows of the index

_STRING = rb'"[^"\\\x00-\x1f]*"'
_ID_FIRST = re.compile(
    # Nothing but fields with simple strings before it, so that it is no field within another.
    rb'\s*\{\s*(?:%b\s*:\s*%b\s*,\s*)*"wikipedia_id"\s*:\s*' % (_STRING, _STRING)
    + rb'(?:"([^"\\\x00-\x1f]+)"|(0|[1-9][0-9]*))\s*[,}]'
)


class Knowledge(Spec):
    """A knowledge source, of which an index is made."""

    path: LocalPath

    @field_validator("path")
    @classmethod
    def _can_be_sought(cls, path: str) -> str:
        if codec_of(Path(path)):
            raise ValueError(_PLAIN)
        return path


_PLAIN = "decompress it, because pages are read where they stand: a plain file is expected"


class GroundedExamples(base.Seq2SeqFiles):
    """Examples whose contexts stand in a knowledge source; without one they are empty."""

    knowledge: Name | None = None  # which record of the study

    @abstractmethod
    def splits_with(self, pages: "Pages") -> dict[str, list[base.Example]]:
        """The splits as `splits` gives them, with the contexts that stand in these pages.

        Raises ArtefactError naming the file and line, of either, that can't be read.
        """


@dataclass(frozen=True)
class Page:
    """A page: its id, its title, and its paragraphs, of which the first is the title in KILT."""

    id: str
    title: str
    paragraphs: tuple[str, ...]


class _IndexedFile(JsonRecord):
    """The file that an index was made of, in the index's manifest."""

    model_config = ConfigDict(extra="ignore")

    source: str  # its path
    fingerprint: str


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's size, its first and its last MB: cheap whatever the size, and of no
    time, so that a copy is the same file. Raises ArtefactError naming it.
    """
    with open_bytes(path) as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(str(size).encode())
        for start in (0, max(ENDS, size - ENDS)):
            file.seek(start)
            digest.update(file.read(ENDS))
    return digest.hexdigest()


# --- making the index -----------------------------------------------------------------------------


def index_pages(path: Path, output: Path) -> None:
    """Write where each page stands, in the order of the file: (page, offset in bytes, line).

    `output` is an Arrow file; its manifest, the same name in .json, says of what file it is. One
    pass, which holds one line and the ids. Raises ArtefactError naming the file and line that is no
    page, or two lines with the same page.
    """
    import pyarrow as pa

    from maskpolicy.arrow_files import write_table

    if codec_of(path):
        raise ArtefactError(f"{path}: {_PLAIN}")
    manifest = output.with_suffix(".json")
    if path.resolve() in (output.resolve(), manifest.resolve()):
        raise ArtefactError(f"{path}: its index would be written over it: write that elsewhere")
    indexed = _IndexedFile(source=str(path), fingerprint=fingerprint(path))
    schema = pa.schema({"page": pa.string(), "offset": pa.uint64(), "line": pa.uint32()})
    rows = _pages_of(path)
    table = pa.Table.from_batches(
        [_batch(some, schema) for some in iter(lambda: list(islice(rows, _BATCH)), [])], schema
    )
    if not len(table):
        raise ArtefactError(f"{path}: no pages in it")
    _check_repeats(path, table)
    write_table(output, table)
    facts = {"pages": len(table), "bytes": path.stat().st_size, **indexed.model_dump()}
    write_manifest(manifest, [output], **facts)


def _batch(rows: Iterable[tuple[str, int, int]], schema: "pa.Schema") -> "pa.RecordBatch":
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _pages_of(path: Path) -> Iterator[tuple[str, int, int]]:
    """The id, offset and line of each page."""
    offset = 0
    with open_bytes(path) as file, work_progress(f"Index {path.name}", path.stat().st_size) as seen:
        for number, line in byte_lines(path, file):
            if not line.isspace():
                yield _page_id(f"{path}, line {number}", number, line), offset, number
            offset += len(line)
            seen(len(line))


def _page_id(place: str, number: int, line: bytes) -> str:
    """The id of a page; the whole of it is parsed only where the id is not among the first fields,
    or the line doesn't end as a page does.
    """
    if line.endswith((b"}\n", b"}\r\n")) and (found := _ID_FIRST.match(line)):
        try:
            if page := (found[1] or found[2] or b"").decode().strip():
                return page
        except UnicodeDecodeError:
            pass  # which is said below
    return _id_of(_parse(place, number, line))


def _check_repeats(path: Path, table: "pa.Table") -> None:
    """Which of two pages were meant, nobody knows."""
    import pyarrow.compute as pc

    pages = table["page"].combine_chunks()
    order = pc.sort_indices(pages)
    pages = pages.take(order)
    same = pc.equal(pages[1:], pages[:-1])
    if (first := pc.index(same, True).as_py()) >= 0:
        lines = sorted(table["line"].take(order[first : first + 2]).to_pylist())
        raise ArtefactError(
            f"{path}, line {lines[1]}: the page {pages[first].as_py()!r} is there already, in line"
            f" {lines[0]}"
        )


# --- reading pages --------------------------------------------------------------------------------


class Pages:
    """The pages of a knowledge source, read through its index.

    Raises ArtefactError when the file is no longer the one that the index was made of.
    """

    def __init__(self, index: Path) -> None:
        file = _IndexedFile.read(index.with_suffix(".json"))
        self._index, self._path = index, Path(file.source)
        if fingerprint(self._path) != file.fingerprint:
            raise ArtefactError(
                f"{file.source} is not the file that {index} was made of: rerun the rule that makes"
                " the index"
            )

    def read(self, ids: Collection[str]) -> Iterator[Page]:
        """Those of these pages that are there, in the order of the file.

        Raises ArtefactError naming the file and the line that is no page.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        from maskpolicy.arrow_files import read_table

        table = read_table(self._index)
        wanted = pa.array(sorted(ids), pa.string())
        with open_bytes(self._path) as file:
            for row in table.filter(pc.is_in(table["page"], value_set=wanted)).to_pylist():
                file.seek(row["offset"])
                place = f"{self._path}, line {row['line']}"
                yield _page(_parse(place, row["line"], file.readline(LONGEST_LINE)), row["page"])


def _page(line: JsonObject, wanted: str) -> Page:
    if (page := _id_of(line)) != wanted:
        raise line.wrong(f"two fields 'wikipedia_id', {wanted!r} and {page!r}")
    paragraphs = line.fields.get("text")
    if not isinstance(paragraphs, list) or not all(isinstance(text, str) for text in paragraphs):
        raise line.wrong("the field 'text' is not a list of strings")
    if not is_text("".join(paragraphs)):
        raise line.wrong("'text' is not valid text")
    return Page(page, line.text("wikipedia_title").strip(), tuple(paragraphs))


def _id_of(line: JsonObject) -> str:
    if "wikipedia_id" in line.fields and (page := line.name("wikipedia_id").strip()):
        return page
    raise line.wrong("a page with a field 'wikipedia_id' is expected")


def _parse(place: str, number: int, line: bytes) -> JsonObject:
    try:
        return parse_object(line.decode("utf-8-sig"), place, number)
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{place}: not UTF-8 text ({error.reason})") from error
