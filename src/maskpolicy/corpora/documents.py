"""Documents: titled texts, read from the sources of a corpus into one Arrow file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from maskpolicy.artefacts import ArtefactError, write_batches, write_manifest
from maskpolicy.corpora.specs import (
    DocumentSource,
    FactbookDocuments,
    JsonlDocuments,
    MovieReviewDocuments,
)

DOCUMENT_SCHEMA = pa.schema({"document": pa.int64(), "title": pa.string(), "text": pa.string()})
"""`document` counts from 0 and is the row of the document; `title` is empty where there is none."""

DOCUMENTS_PER_BATCH = 1024


@dataclass(frozen=True)
class Document:
    """A text and its title ("" where it has none)."""

    title: str
    text: str


def titled(title: str, text: str) -> str:
    """A text that begins with its title, as sequences of tokens and contexts of examples do."""
    return f"{title}. {text}" if title else text


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
        from maskpolicy.corpora.movie_reviews import read_reviews

        return (Document("", review.text) for review in read_reviews(source.reviews))
    if isinstance(source, FactbookDocuments):
        from maskpolicy.corpora.factbook import passages, read_countries

        return (
            Document(passage.title, passage.text)
            for country in read_countries()
            for passage in passages(country, source.passages)
        )
    if isinstance(source, JsonlDocuments):
        return _jsonl_documents(Path(source.path), source.text_field, source.title_field)
    return _text_documents(Path(source.path))


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1, without line ends.

    Raises ArtefactError naming the file, and the line that is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{path}, line {number}: not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error


def read_json_lines(path: Path) -> Iterator[tuple[int, dict]]:
    """The objects of a JSONL file with their line numbers; blank lines are passed over.

    Raises ArtefactError naming the file and line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ArtefactError(f"{path}, line {number}: not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise ArtefactError(f"{path}, line {number}: not a JSON object")
        yield number, value


def string_field(path: Path, number: int, value: dict, field: str) -> str:
    """A field that must hold a string. Raises ArtefactError naming the file, line and field."""
    if field not in value:
        raise ArtefactError(f"{path}, line {number}: the field {field!r} is missing")
    if not isinstance(value[field], str):
        raise ArtefactError(f"{path}, line {number}: the field {field!r} does not hold a string")
    try:
        value[field].encode()
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair
        raise ArtefactError(f"{path}, line {number}: {field!r} is not valid text") from error
    return value[field]


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
