"""From the source of a corpus to its documents on disk: those that are wanted of all there are."""

import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from itertools import compress, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from maskpolicy.arrow_files import read_batches, write_batches
from maskpolicy.corpora.documents import columns_of, in_batches, write_documents
from maskpolicy.corpora.duplicates import SeenTexts
from maskpolicy.corpora.specs import DocumentLimit, DocumentShare
from maskpolicy.errors import InputError, counted
from maskpolicy.randomness import draw_rows, key, uniform
from maskpolicy.side_by_side import explained_death, process_pool
from maskpolicy.sources.base import Document, DocumentFiles, Documents

_READ_SCHEMA = pa.schema({"title": pa.string(), "text": pa.string()})

_DRAWN_AT_ONCE = 4096

_STOP = "stop"
"""A file beside those that processes write: nobody wants more of them."""


def fetch_documents(
    source: Documents,
    output: Path,
    *,
    limit: DocumentLimit | None = None,
    deduplicate: bool = False,
    processes: int = 1,
) -> None:
    """Write the documents of `source` to the folder `output`, with a manifest beside it.

    With `deduplicate`, documents are left out whose text one before them has; `limit` chooses among
    those that are left then. The manifest counts what is read, what was there before, and what is
    written; where any is left out, stderr says so. So many `processes` read the files of a source
    that has several, to the same documents in the same order.

    Raises ArtefactError naming the file, and the line where there is one, that can't be read, and
    InputError naming the file when there is no text in it, or a document of over 2 GB of it.
    """
    counts: Counter[str] = Counter(read=0, duplicates=0, words=0)
    with _reading(source, output, processes) as read:
        distinct = _distinct(_counted(read, counts, "read"), counts, deduplicate)
        written = _with_words(_limited(distinct, limit), counts, source.named)
        write_documents(written, output, counts)
    if left_out := counts["duplicates"]:
        of = counted(counts["read"], "document")
        print(f"{source.named}: {left_out:,} of {of} repeat the text of another", file=sys.stderr)


# --- which documents ------------------------------------------------------------------------------


def _counted(documents: Iterator[Document], counts: Counter[str], name: str) -> Iterator[Document]:
    for document in documents:
        counts[name] += 1
        yield document


def _distinct(
    documents: Iterator[Document], counts: Counter[str], deduplicate: bool
) -> Iterator[Document]:
    if not deduplicate:
        yield from documents
        return
    seen = SeenTexts()
    for document in documents:
        if seen.add(document.text):
            yield document
        else:
            counts["duplicates"] += 1


def _limited(documents: Iterator[Document], limit: DocumentLimit | None) -> Iterator[Document]:
    match limit:
        case None:
            return documents
        case DocumentShare():
            return compress(documents, _drawn(limit))
        case first:
            return islice(documents, first)


def _drawn(limit: DocumentShare) -> Iterator[bool]:
    """Whether each document, by its number, is in the share."""
    address = key(limit.seed, "limit")
    for first in count(0, _DRAWN_AT_ONCE):
        bits = draw_rows(address, np.arange(first, first + _DRAWN_AT_ONCE))
        yield from (uniform(bits) < limit.share).tolist()


def _with_words(
    documents: Iterator[Document], counts: Counter[str], named: str
) -> Iterator[Document]:
    """The documents, their words counted; raises InputError when there are none in all of them."""
    some = False
    for document in documents:
        some = True
        counts["words"] += len(document.text.split())
        yield document
    if counts["read"] and not some:
        raise InputError(f"{named}: `limit` leaves none of {counted(counts['read'], 'document')}")
    if not counts["words"]:
        raise InputError(f"{named}: no document has any text")


# --- read by several processes --------------------------------------------------------------------


@contextmanager
def _reading(source: Documents, output: Path, processes: int) -> Iterator[Iterator[Document]]:
    """The documents of a source, in its order, whoever reads them.

    Each process reads whole files, into files of its own beside `output` that are taken up in the
    order of the source and removed; there are never many more of them than processes.
    """
    if processes == 1 or not isinstance(source, DocumentFiles):
        yield source.documents()
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder,
        process_pool(processes) as pool,
        closing(_in_order(pool, processes, source, Path(folder))) as documents,
    ):
        try:
            yield documents
        finally:
            Path(folder, _STOP).touch()


def _in_order(
    pool: ProcessPoolExecutor,
    ahead: int,
    source: DocumentFiles,
    folder: Path,
) -> Generator[Document, None, None]:
    def submit(number: int, file: Path) -> tuple[Path, Path, Future[None]]:
        read = folder / f"{number}.arrow"
        return file, read, pool.submit(_read, source, file, read)

    jobs = (submit(number, file) for number, file in enumerate(source.files()))
    waiting = deque(islice(jobs, ahead))
    while waiting:
        file, read, job = waiting.popleft()
        with explained_death(str(file)):
            job.result()
        waiting.extend(islice(jobs, 1))
        for batch in read_batches(read):
            titles, texts = batch["title"].to_pylist(), batch["text"].to_pylist()
            yield from map(Document, titles, texts)
        read.unlink()


def _read(source: DocumentFiles, file: Path, output: Path) -> None:
    """What a process does: read the documents of one file into another."""
    with write_batches(output, _READ_SCHEMA) as writer:
        for some in in_batches(source.read(file)):
            if output.with_name(_STOP).exists():
                return
            writer.write_batch(pa.RecordBatch.from_pydict(columns_of(some), schema=_READ_SCHEMA))
