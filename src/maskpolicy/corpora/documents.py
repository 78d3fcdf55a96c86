"""Documents: titled texts, read from the source of a corpus into one Arrow file."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import read_batches, write_batches
from maskpolicy.artefacts import read_json, write_manifest
from maskpolicy.errors import InputError
from maskpolicy.sources.base import Document, Documents

DOCUMENT_SCHEMA = pa.schema({"document": pa.int64(), "title": pa.string(), "text": pa.string()})
"""`document` counts from 0 and is the row of the document; `title` is empty where there is none."""

DOCUMENTS_PER_BATCH = 1024

BYTES_PER_BATCH = 1 << 26
"""Of text: Arrow holds no more than 2 GB in a batch, and later stages have a batch in memory."""

LONGEST_TEXT = (1 << 31) - 1
"""Bytes that one string of Arrow holds."""


def fetch_documents(source: Documents, output: Path) -> None:
    """Write every document of `source` to `output` (DOCUMENT_SCHEMA), with a manifest beside it.

    Raises ArtefactError naming the file, and the line where there is one, that can't be read, and
    InputError naming the file when there is no text in it, or a document of over 2 GB of it.
    """
    first, words = 0, 0
    with write_batches(output, DOCUMENT_SCHEMA) as writer:
        for some in _batches(source.documents()):
            columns = {
                "document": range(first, first + len(some)),
                "title": [document.title for document in some],
                "text": [document.text for document in some],
            }
            writer.write_batch(pa.RecordBatch.from_pydict(columns, schema=DOCUMENT_SCHEMA))
            first += len(some)
            words += sum(len(document.text.split()) for document in some)
        if not words:
            raise InputError(f"{source.named}: no document has any text")
    write_manifest(output.with_suffix(".json"), [output], documents=first, words=words)


def count_documents(manifest: Path) -> int:
    """How many documents there are. Raises ArtefactError, naming the manifest."""
    return read_json(manifest)["documents"]


def document_batches(manifest: Path) -> Iterator[pa.RecordBatch]:
    """The documents that a manifest is of (DOCUMENT_SCHEMA), batch after batch, memory-mapped.

    Raises ArtefactError, naming the file, when it is missing or damaged.
    """
    return read_batches(manifest.with_suffix(".arrow"))


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
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
