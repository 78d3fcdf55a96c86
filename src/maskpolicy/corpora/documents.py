"""Documents: titled texts, read from the source of a corpus into one Arrow file."""

from itertools import islice
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import write_batches
from maskpolicy.artefacts import write_manifest
from maskpolicy.errors import InputError
from maskpolicy.sources.base import Documents

DOCUMENT_SCHEMA = pa.schema({"document": pa.int64(), "title": pa.string(), "text": pa.string()})
"""`document` counts from 0 and is the row of the document; `title` is empty where there is none."""

DOCUMENTS_PER_BATCH = 1024


def fetch_documents(source: Documents, output: Path) -> None:
    """Write every document of `source` to `output` (DOCUMENT_SCHEMA), with a manifest beside it.

    Raises ArtefactError naming the file, and the line where there is one, that can't be read, and
    InputError naming the file when there is no text in it.
    """
    documents = source.documents()
    first, words = 0, 0
    with write_batches(output, DOCUMENT_SCHEMA) as writer:
        while some := list(islice(documents, DOCUMENTS_PER_BATCH)):
            columns = {
                "document": range(first, first + len(some)),
                "title": [document.title for document in some],
                "text": [document.text for document in some],
            }
            writer.write_batch(pa.RecordBatch.from_pydict(columns, schema=DOCUMENT_SCHEMA))
            first += len(some)
            words += sum(len(document.text.split()) for document in some)
        if not words:
            files = ", ".join(source.paths().values()) or source.source
            raise InputError(f"{files}: no document has any text")
    write_manifest(output.with_suffix(".json"), [output], documents=first, words=words)
