"""Documents on disk: titled texts in parts of bounded size, and what is in which part.

A corpus lies in a folder `documents` of Arrow files, `part-0.arrow` and so on, beside a manifest
`documents.json` that counts the documents and bytes of text of each, so that whoever wants some
documents opens the parts that hold them, and no more.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from maskpolicy.arrow_files import read_batches, read_table, write_batches
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import InputError
from maskpolicy.records import JsonRecord
from maskpolicy.sources.base import Document

DOCUMENT_SCHEMA = pa.schema({"document": pa.int64(), "title": pa.string(), "text": pa.string()})
"""`document` counts from 0 through all parts; `title` is empty where there is none."""

DOCUMENTS_PER_BATCH = 1024

BYTES_PER_BATCH = 1 << 26
"""Of text: Arrow holds no more than 2 GB in a batch, and later stages have a batch in memory."""

BYTES_PER_PART = 1 << 28
"""Of text, unless one batch alone has more."""

LONGEST_TEXT = (1 << 31) - 1
"""Bytes that one string of Arrow holds."""


class Part(JsonRecord):
    """What one file of documents holds: so many of them, and so many bytes of text."""

    documents: int = 0
    text_bytes: int = 0


class _Manifest(JsonRecord):
    model_config = ConfigDict(extra="ignore")  # hashes and counts, which are for eyes

    parts: tuple[Part, ...]


def write_documents(
    documents: Iterable[Document], folder: Path, counts: Mapping[str, int] | None = None
) -> None:
    """Write documents in parts to a folder, with a manifest beside it; whole or not at all.

    `counts` go into the manifest as they are at the end. Raises InputError for a document of over
    2 GB of text.
    """
    parts: list[Part] = []
    with atomic_directory(folder) as temporary, ExitStack() as last:
        first = 0
        for some in in_batches(documents):
            columns = {"document": range(first, first + len(some)), **columns_of(some)}
            batch = pa.RecordBatch.from_pydict(columns, schema=DOCUMENT_SCHEMA)
            size = int(text_lengths(batch).sum())
            if not parts or parts[-1].text_bytes + size > BYTES_PER_PART:
                last.close()
                path = temporary / _part(len(parts))
                writer = last.enter_context(write_batches(path, DOCUMENT_SCHEMA))
                parts.append(Part())
            writer.write_batch(batch)
            first += len(some)
            parts[-1] = Part(
                documents=parts[-1].documents + len(some), text_bytes=parts[-1].text_bytes + size
            )
    write_manifest(
        manifest_of(folder),
        [folder / _part(number) for number in range(len(parts))],
        documents=first,
        **(counts or {}),
        parts=[part.model_dump() for part in parts],
    )


class StoredDocuments:
    """The documents of a folder, memory-mapped: parts are opened when they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Raises ArtefactError, naming the manifest, when that is missing or damaged."""
        self.folder = folder
        self._parts = _Manifest.read(manifest_of(folder)).parts
        self._first = [0, *accumulate(part.documents for part in self._parts)]
        self._tables: dict[int, pa.Table] = {}

    def __len__(self) -> int:
        return self._first[-1]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All documents (DOCUMENT_SCHEMA), in order.

        Raises ArtefactError, naming the file, when a part is missing or damaged.
        """
        return self.of_shard(0, 1)

    def of_shard(self, shard: int, shards: int) -> Iterator[pa.RecordBatch]:
        """The documents of one of `shards` shards of about the same length, as `batches`.

        A document belongs to the shard that its first byte falls in, of the text of all.
        """
        total = max(1, sum(part.text_bytes for part in self._parts))

        def shard_of(byte: np.ndarray | int) -> np.ndarray:
            return np.minimum(byte * shards // total, shards - 1)

        end = 0
        for number, part in enumerate(self._parts):
            begin, end = end, end + part.text_bytes
            if not shard_of(begin) <= shard <= shard_of(end):
                continue
            for batch in read_batches(self.folder / _part(number)):
                lengths = text_lengths(batch)
                first_bytes = begin + np.cumsum(lengths) - lengths
                begin += int(lengths.sum())
                first, last = np.searchsorted(shard_of(first_bytes), [shard, shard + 1])
                if first < last:
                    yield batch.slice(first, last - first)

    def read(self, numbers: Sequence[int]) -> list[Document]:
        """The documents of these numbers, all below `len`. Raises ArtefactError as `batches`."""
        return [self._read(number) for number in numbers]

    def _read(self, number: int) -> Document:
        part = bisect_right(self._first, number) - 1
        if part not in self._tables:
            self._tables[part] = read_table(self.folder / _part(part))
        table, row = self._tables[part], number - self._first[part]
        return Document(table["title"][row].as_py(), table["text"][row].as_py())


def in_batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents that are written together: so many, and so many bytes unless one alone has more.

    Raises InputError when one is too long for Arrow.
    """
    some: list[Document] = []
    size = 0
    for number, document in enumerate(documents):
        length = max(len(document.title.encode()), len(document.text.encode()))
        if length > LONGEST_TEXT:
            raise InputError(f"document {number} has over 2 GB of text: cut it into several")
        if some and (len(some) == DOCUMENTS_PER_BATCH or size + length > BYTES_PER_BATCH):
            yield some
            some, size = [], 0
        some.append(document)
        size += length
    if some:
        yield some


def columns_of(documents: Sequence[Document]) -> dict[str, list[str]]:
    """The titles and the texts of documents."""
    return {
        "title": [document.title for document in documents],
        "text": [document.text for document in documents],
    }


def text_lengths(batch: pa.RecordBatch) -> np.ndarray:
    """The bytes of each text of a batch of documents, int64 [D]."""
    return pc.binary_length(batch["text"]).to_numpy().astype(np.int64)


def _part(number: int) -> str:
    return f"part-{number}.arrow"


def manifest_of(folder: Path) -> Path:
    """The manifest of a folder of documents, beside it."""
    return folder.with_name(f"{folder.name}.json")
