"""Documents: titled texts, read from the sources of a corpus into one Arrow file."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import write_batches
from maskpolicy.artefacts import write_manifest
from maskpolicy.corpora.specs import (
    DocumentSource,
    FactbookDocuments,
    JsonlDocuments,
    MovieReviewDocuments,
)
from maskpolicy.sources.base import Document
from maskpolicy.text_files import read_json_lines, read_lines, string_field

DOCUMENT_SCHEMA = pa.schema({"document": pa.int64(), "title": pa.string(), "text": pa.string()})
"""`document` counts from 0 and is the row of the document; `title` is empty where there is none."""

DOCUMENTS_PER_BATCH = 1024


def fetch_documents(source: DocumentSource, output: Path) -> None:
    """Write every document of `source` to `output` (DOCUMENT_SCHEMA), with a manifest beside it.

    Raises ArtefactError naming the file, and the line where there is one, that can't be read.
    """
    documents = read_source(source)
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
    write_manifest(output.with_suffix(".json"), [output], documents=first, words=words)


def read_source(source: DocumentSource) -> Iterator[Document]:
    """The documents of a source, in its order. Raises as :func:`fetch_documents`."""
    if isinstance(source, MovieReviewDocuments):
        from maskpolicy.sources.movie_reviews import read_reviews

        return (Document("", review.text) for review in read_reviews(source.reviews))
    if isinstance(source, FactbookDocuments):
        from maskpolicy.sources.factbook import passages, read_countries

        return (
            Document(passage.title, passage.text)
            for country in read_countries()
            for passage in passages(country, source.passages)
        )
    if isinstance(source, JsonlDocuments):
        return _jsonl_documents(Path(source.path), source.text_field, source.title_field)
    return _text_documents(Path(source.path))


def _jsonl_documents(path: Path, text_field: str, title_field: str | None) -> Iterator[Document]:
    for number, value in read_json_lines(path):
        title = string_field(path, number, value, title_field) if title_field else ""
        yield Document(title.strip(), string_field(path, number, value, text_field))


def _text_documents(path: Path) -> Iterator[Document]:
    """Runs of lines between blank lines."""
    for lines in _paragraphs(text for _, text in read_lines(path)):
        yield Document("", "\n".join(lines))


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph
