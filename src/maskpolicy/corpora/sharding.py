"""From documents to token shards: whole sentences packed into rows that begin with the title."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numba import njit

from maskpolicy.arrow_files import pack_bits, write_batches
from maskpolicy.artefacts import write_manifest
from maskpolicy.corpora.alignment import AlignedTexts, align
from maskpolicy.corpora.documents import StoredDocuments, text_lengths
from maskpolicy.corpora.row_texts import prefix_length
from maskpolicy.corpora.sentences import sentencizer
from maskpolicy.corpora.shards import token_schema
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import InputError, counted
from maskpolicy.progress import work_progress
from maskpolicy.sources.base import titled

ROWS_PER_BATCH = 4096
DOCUMENTS_PER_BATCH = 512

BYTES_PER_BATCH = 1 << 22
"""Of text: cutting it takes some 60 times as much memory, for a while."""

ROWS_PER_DOCUMENT = 1 << 24
"""Row k of document d has number d * ROWS_PER_DOCUMENT + k, so shards can be made independently."""

# How good a place a token is to begin a row at.
_CHARACTER, _WORD, _SENTENCE = 1, 2, 3


def shard_corpus(
    documents: Path,
    tokenizer_folder: Path,
    output: Path,
    *,
    sequence_length: int,
    shard: int = 0,
    shards: int = 1,
    rows_of: Literal["passages", "sentences"] = "passages",
) -> None:
    """Cut the documents of one of `shards` shards into rows and write them, with a manifest.

    A shard is a contiguous range of documents, of about the same length as the others; all shards
    one after the other are the same rows whatever their number. A row has at most `sequence_length`
    tokens: the title, then as many whole sentences as fit; a sentence longer than that is cut
    between words. Documents without text, or whose title would fill half a row, are left out and
    counted; where there are any, stderr says so.

    Memory does not grow with the corpus: some 600 MB, of which libraries are 370, or 200 bytes a
    character of the longest document where that is more (a tokenizer reads a text as a whole).

    Raises ArtefactError, naming the file, when documents or tokenizer can't be read, and InputError
    when no document of the whole corpus gives a row.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    schema = token_schema(tokenizer.vocabulary_size)
    corpus = StoredDocuments(documents)
    of_shard = list(corpus.of_shard(shard, shards))
    cut = partial(
        _batch_rows,
        tokenizer=tokenizer,
        schema=schema,
        sequence_length=sequence_length,
        single=rows_of == "sentences",
    )
    number = sum(map(len, of_shard))
    counts: Counter[str] = Counter(documents=number, rows=0, tokens=0, no_text=0, long_title=0)
    title = f"shard {output.stem}"
    with write_batches(output, schema) as writer, work_progress(title, number) as advance:
        for batch in _small(of_shard):
            rows = cut(batch, counts)
            for start in range(0, len(rows), ROWS_PER_BATCH):
                writer.write_batch(rows.slice(start, ROWS_PER_BATCH))
            advance(len(batch))
        if not counts["rows"]:  # of a corpus that has some, a shard may have none
            others: Counter[str] = Counter()
            if not any(len(cut(batch, others)) for batch in _small(corpus.batches())):
                raise InputError(
                    f"{documents}: no row is left of {counted(len(corpus), 'document')}:"
                    f" {_left_out(others, sequence_length)}"
                )
    if reasons := _left_out(counts, sequence_length):
        left_out = counts["no_text"] + counts["long_title"]
        of = f"{left_out:,} of {counted(number, 'document')}"
        print(f"{title}: left out {of}: {reasons}", file=sys.stderr)
    write_manifest(output.with_suffix(".json"), [output], shards=shards, **counts)


def _small(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of so many documents, and of so much text unless one document alone has more."""
    for batch in batches:
        ends = np.cumsum(text_lengths(batch))
        first = 0
        while first < len(batch):
            before = ends[first - 1] if first else 0
            fits = int(np.searchsorted(ends, before + BYTES_PER_BATCH, side="right")) - first
            size = min(max(1, fits), DOCUMENTS_PER_BATCH)
            yield batch.slice(first, size)
            first += size


def _left_out(counts: Counter[str], sequence_length: int) -> str:
    """Why documents are left out, each reason with how many; empty where none is."""
    reasons = {
        "no_text": "without text",
        "long_title": f"whose title fills over half of `sequence_length: {sequence_length}`",
    }
    return ", ".join(f"{counts[key]:,} {why}" for key, why in reasons.items() if counts[key])


def _batch_rows(
    batch: pa.RecordBatch,
    counts: Counter[str],
    *,
    tokenizer: Tokenizer,
    schema: pa.Schema,
    sequence_length: int,
    single: bool,
) -> pa.RecordBatch:
    """The rows of a batch of documents; adds to `counts`."""
    titles, texts = batch["title"].to_pylist(), batch["text"].to_pylist()
    aligned = align(tokenizer, list(map(titled, titles, texts)))
    text_offsets = aligned.char_offsets[:-1] + list(map(prefix_length, titles))
    word_start = aligned.word_start()
    sentence_start = _sentence_start(texts, text_offsets, aligned)
    strength = np.where(sentence_start, _SENTENCE, np.where(word_start, _WORD, _CHARACTER))
    strength[~aligned.separable()] = 0

    text_first = np.searchsorted(aligned.start, text_offsets)
    text_last = np.searchsorted(aligned.start, aligned.char_offsets[1:] - 1)
    title_length = text_first - aligned.token_offsets[:-1]
    room = sequence_length - title_length
    empty = text_first == text_last
    fits = room >= (sequence_length + 1) // 2
    counts["no_text"] += int(empty.sum())
    counts["long_title"] += int((~empty & ~fits).sum())
    text_last = np.where(fits, text_last, text_first)
    white = aligned.end <= aligned.start
    document, number, first, last = _pack(strength, white, text_first, text_last, room, single)

    begin = aligned.start[first] - text_offsets[document]
    end = aligned.end[last - 1] - text_offsets[document]
    take, offsets = _with_titles(document, first, last, aligned.token_offsets, text_first)
    word_start[first] = sentence_start[first] = True
    counts["rows"] += len(first)
    counts["tokens"] += len(take)

    ids = aligned.ids[take].astype(schema.field("input_ids").type.value_type.to_pandas_dtype())
    in_corpus = batch["document"].to_numpy()[document]
    columns = [
        pa.array(in_corpus * ROWS_PER_DOCUMENT + number),
        pa.array(in_corpus),
        pa.array(begin.astype(np.int32)),
        pa.array(end.astype(np.int32)),
        pa.array(title_length[document].astype(np.uint16)),
        pa.ListArray.from_arrays(offsets, pa.array(ids)),
        pa.ListArray.from_arrays(offsets, pack_bits(word_start[take])),
        pa.ListArray.from_arrays(offsets, pack_bits(sentence_start[take])),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _sentence_start(
    texts: list[str], text_offsets: np.ndarray, aligned: AlignedTexts
) -> np.ndarray:
    """The tokens that begin a sentence of a text, bool [T]."""
    begins = [
        offset + sentence.start_char
        for offset, document in zip(text_offsets.tolist(), sentencizer().pipe(texts), strict=True)
        for sentence in document.sents
    ]
    starts = np.zeros(len(aligned.start) + 1, np.bool_)
    starts[np.searchsorted(aligned.start, begins)] = True
    return starts[:-1]


@njit(cache=True)
def _pack(strength, white, text_first, text_last, room, single):
    """Cut the tokens text_first:text_last of each document into rows of at most `room` tokens.

    A row ends at the end of the text (with `single` of its first sentence), or, where that does not
    fit, at the last of the strongest places to begin the next one. White space that would fill a
    row is left out.
    Returns int64 [R]: document, number of the row in it, first and last (exclusive) token.
    """
    most = 0
    for d in range(len(room)):
        most += text_last[d] - text_first[d]
    document = np.empty(most, np.int64)
    number = np.empty(most, np.int64)
    first = np.empty(most, np.int64)
    last = np.empty(most, np.int64)
    rows = 0
    for d in range(len(room)):
        at, k = text_first[d], 0
        while at < text_last[d]:
            text = at
            while text < text_last[d] and white[text]:
                text += 1
            if text - at >= room[d]:
                at = text
                continue
            end = text_last[d]
            if single:
                for i in range(at + 1, end):
                    if strength[i] == _SENTENCE:
                        end = i
                        break
            if end - at > room[d]:
                limit = at + room[d]
                end = limit
                for i in range(limit, at, -1):
                    if i == limit or strength[i] > strength[end]:
                        end = i
                    if strength[end] == _SENTENCE:
                        break
            document[rows], number[rows], first[rows], last[rows] = d, k, at, end
            rows += 1
            k += 1
            at = end
    return document[:rows], number[:rows], first[:rows], last[:rows]


@njit(cache=True)
def _with_titles(document, first, last, token_offsets, text_first):
    """Indices of each row's tokens, title and text, int64 [T], and row offsets, int32 [R + 1]."""
    offsets = np.zeros(len(first) + 1, np.int32)
    for r in range(len(first)):
        title = text_first[document[r]] - token_offsets[document[r]]
        offsets[r + 1] = offsets[r] + title + last[r] - first[r]
    take = np.empty(offsets[-1], np.int64)
    for r in range(len(first)):
        at = offsets[r]
        for t in range(token_offsets[document[r]], text_first[document[r]]):
            take[at] = t
            at += 1
        for t in range(first[r], last[r]):
            take[at] = t
            at += 1
    return take, offsets
