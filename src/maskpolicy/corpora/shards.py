"""Token shards: the Arrow columns that policies see, and the ragged batch view over them.

A shard is an Arrow IPC file of record batches; a *row* is one sequence of at most `sequence_length`
tokens, without special tokens (BOS, EOS and padding are added where batches are rendered, so no
policy can ever mask them). Rows carry their global number in the corpus: it is the row of every
random address.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskpolicy.arrow_files import pack_bits, read_batches, unpack_bits
from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError, InputError


def shards_in(folder: Path) -> list[Path]:
    """The token shards of a corpus in its folder, in order, as many as it was cut into.

    Raises ArtefactError, naming the manifest that can't be read or doesn't say how many.
    """
    first = folder / "shard-0.json"
    facts = read_json(first)
    number = facts.get("shards") if isinstance(facts, dict) else None
    if not isinstance(number, int):
        raise ArtefactError(f"{first} doesn't say how many shards there are")
    return [folder / f"shard-{i}.arrow" for i in range(number)]


def token_schema(vocabulary_size: int) -> pa.Schema:
    """The schema of a token shard; ids are uint16 where the vocabulary fits, else uint32.

    `row` is the global number of the sequence, `document` the row of the document it comes from,
    and `begin`/`end` the range of characters of that document's text that the sequence covers. Its
    first `title_length` tokens are the document's title, which is no sentence.
    """
    token = pa.uint16() if vocabulary_size <= 1 << 16 else pa.uint32()
    return pa.schema(
        {
            "row": pa.int64(),
            "document": pa.int64(),
            "begin": pa.int32(),
            "end": pa.int32(),
            "title_length": pa.uint16(),
            "input_ids": pa.list_(token),
            "word_start": pa.list_(pa.bool_()),
            "sentence_start": pa.list_(pa.bool_()),
        }
    )


ENTITY = pa.struct({"start": pa.uint16(), "end": pa.uint16(), "label": pa.uint8()})
"""An entity span in token positions of its row, end exclusive; label indexes ENTITY_LABELS."""

ANNOTATION_SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "entities": pa.list_(ENTITY),
        "part_of_speech": pa.list_(pa.uint8()),
    }
)
"""Annotations, row for row with a token shard; part_of_speech indexes PARTS_OF_SPEECH per token."""

# OntoNotes 5 labels, the scheme of spaCy's English models; the order is part of the file format.
ENTITY_LABELS = (
    *("CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP"),
    *("ORDINAL", "ORG", "PERCENT", "PERSON", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART"),
)
SALIENT_LABELS = tuple(
    label
    for label in ENTITY_LABELS
    if label not in ("CARDINAL", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME")
)
"""Named entities and dates: what salient span masking calls salient (Guu et al. 2020, 3.4)."""

# Universal POS tags (universaldependencies.org/u/pos), the order is part of the file format.
PARTS_OF_SPEECH = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN"),
    *("PUNCT", "SCONJ", "SYM", "VERB", "X", "SPACE"),
)


class MissingAnnotations(InputError):
    """A policy asked for annotations of a batch that has none."""


@dataclass(frozen=True)
class Spans:
    """Ragged spans: those of row b are `start[offsets[b]:offsets[b + 1]]` and so on.

    offsets int32 [B + 1]; start, end uint16 [S], token positions within the row, end exclusive;
    label uint8 [S].
    """

    offsets: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray


class TokenBatch:
    """A ragged batch of B rows holding T tokens: numpy views of a record batch, made on demand."""

    def __init__(self, tokens: pa.RecordBatch, annotations: pa.RecordBatch | None = None) -> None:
        self.tokens = tokens
        self.annotations = annotations
        if annotations is not None and annotations.num_rows != tokens.num_rows:
            raise ValueError(
                f"{annotations.num_rows} annotated rows for {tokens.num_rows} rows of tokens"
            )

    def __len__(self) -> int:
        return self.tokens.num_rows

    @cached_property
    def rows(self) -> np.ndarray:
        """Global row numbers, int64 [B]."""
        return self.tokens.column("row").to_numpy()

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where rows begin and end in the token columns, int32 [B + 1], starting at 0."""
        offsets = self.tokens.column("input_ids").offsets.to_numpy()
        return offsets - offsets[0] if len(offsets) and offsets[0] else offsets

    @cached_property
    def input_ids(self) -> np.ndarray:
        """Token ids, uint16 or uint32 [T]."""
        return self.tokens.column("input_ids").flatten().to_numpy()

    @cached_property
    def word_start(self) -> np.ndarray:
        """True where a word begins, bool [T]."""
        return unpack_bits(self.tokens.column("word_start").flatten())

    @cached_property
    def sentence_start(self) -> np.ndarray:
        """True where a sentence begins, bool [T]; nowhere in a title, which is none."""
        return unpack_bits(self.tokens.column("sentence_start").flatten())

    @cached_property
    def title_lengths(self) -> np.ndarray:
        """How many tokens at the beginning of each row are its title, uint16 [B]."""
        return self.tokens.column("title_length").to_numpy()

    @cached_property
    def in_text(self) -> np.ndarray:
        """True where a token is of the text, False in a title, bool [T]."""
        position = np.arange(len(self.input_ids)) - np.repeat(
            self.offsets[:-1], np.diff(self.offsets)
        )
        return position >= np.repeat(self.title_lengths, np.diff(self.offsets))

    @cached_property
    def text(self) -> "TokenBatch":
        """The same rows without their titles, and without what is annotated there."""
        before = np.concatenate([[0], np.cumsum(self.title_lengths, dtype=np.int32)])
        offsets = pa.array((self.offsets - before).astype(np.int32))
        in_text = pack_bits(self.in_text)

        def of_text(column: pa.ListArray) -> pa.ListArray:
            return pa.ListArray.from_arrays(offsets, column.flatten().filter(in_text))

        columns = {
            name: of_text(self.tokens.column(name))
            for name in ("input_ids", "word_start", "sentence_start")
        }
        no_title = pa.array(np.zeros(len(self), np.uint16))
        tokens = _with_columns(self.tokens, title_length=no_title, **columns)
        if self.annotations is None:
            return TokenBatch(tokens)
        annotations = _with_columns(
            self.annotations,
            entities=_entities_of_text(self.entities, self.title_lengths),
            part_of_speech=of_text(self.annotations.column("part_of_speech")),
        )
        return TokenBatch(tokens, annotations)

    @cached_property
    def entities(self) -> Spans:
        """Named entities and dates. Raises MissingAnnotations."""
        column = self._annotation("entities")
        offsets = column.offsets.to_numpy()
        spans = column.flatten()
        start, end, label = (spans.field(i).to_numpy() for i in range(3))
        return Spans(offsets - offsets[0], start, end, label)

    @cached_property
    def part_of_speech(self) -> np.ndarray:
        """Universal part-of-speech of each token (an index into PARTS_OF_SPEECH), uint8 [T]."""
        return self._annotation("part_of_speech").flatten().to_numpy()

    def _annotation(self, name: str) -> pa.ListArray:
        if self.annotations is None:
            raise MissingAnnotations(f"this policy needs the annotation column {name!r}")
        return self.annotations.column(name)

    @classmethod
    def from_lists(
        cls,
        input_ids: Sequence[Sequence[int]],
        *,
        rows: Sequence[int] | None = None,
        word_start: Sequence[Iterable[bool]] | None = None,
        sentence_start: Sequence[Iterable[bool]] | None = None,
        title_lengths: Sequence[int] | None = None,
        entities: Sequence[Sequence[tuple[int, int, str]]] | None = None,
        part_of_speech: Sequence[Sequence[str]] | None = None,
        vocabulary_size: int = 1 << 16,
    ) -> "TokenBatch":
        """Build a batch from Python lists, for tests and for trying a policy on a few sentences.

        Every token is a word of its own and every row one sentence without a title unless said
        otherwise; entities are (start, end, label) in token positions.
        """
        n = len(input_ids)
        words = word_start if word_start is not None else [[True] * len(r) for r in input_ids]
        sentences = (
            sentence_start
            if sentence_start is not None
            else [[i == 0 for i in range(len(r))] for r in input_ids]
        )
        tokens = pa.RecordBatch.from_pydict(
            {
                "row": list(rows) if rows is not None else list(range(n)),
                "document": [0] * n,
                "begin": [0] * n,
                "end": [0] * n,
                "title_length": title_lengths if title_lengths is not None else [0] * n,
                "input_ids": [list(r) for r in input_ids],
                "word_start": [[bool(x) for x in r] for r in words],
                "sentence_start": [[bool(x) for x in r] for r in sentences],
            },
            schema=token_schema(vocabulary_size),
        )
        if entities is None and part_of_speech is None:
            return cls(tokens)
        annotations = pa.RecordBatch.from_pydict(
            {
                "row": tokens.column("row"),
                "entities": [
                    [{"start": s, "end": e, "label": ENTITY_LABELS.index(x)} for s, e, x in row]
                    for row in (entities or [[]] * n)
                ],
                "part_of_speech": [
                    [PARTS_OF_SPEECH.index(x) for x in row]
                    for row in (part_of_speech or [["X"] * len(r) for r in input_ids])
                ],
            },
            schema=ANNOTATION_SCHEMA,
        )
        return cls(tokens, annotations)


def _with_columns(batch: pa.RecordBatch, **columns: pa.Array) -> pa.RecordBatch:
    """The batch with some columns exchanged for others of the same types."""
    arrays = [columns.get(name, batch.column(name)) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _entities_of_text(spans: Spans, title_lengths: np.ndarray) -> pa.ListArray:
    """The entities of rows that lose their titles: what of each lies in the text."""
    title = np.repeat(title_lengths, np.diff(spans.offsets))
    kept = spans.end > title
    start = np.maximum(spans.start, title) - title
    columns = (start[kept], (spans.end - title)[kept], spans.label[kept])
    entities = pa.StructArray.from_arrays(list(map(pa.array, columns)), fields=list(ENTITY))
    kept_before = np.concatenate([[0], np.cumsum(kept)])
    return pa.ListArray.from_arrays(pa.array(kept_before[spans.offsets].astype(np.int32)), entities)


def read_token_batches(shard: Path, annotations: Path | None = None) -> Iterator[TokenBatch]:
    """The batches of a token shard, with their annotations where a file of them is given.

    Raises ArtefactError, naming the file, when one is damaged or the two hold different rows.
    """
    if annotations is None:
        yield from map(TokenBatch, read_batches(shard))
        return
    both = zip_longest(read_batches(shard), read_batches(annotations))
    for tokens, annotated in both:
        if tokens is None or annotated is None or tokens["row"] != annotated["row"]:
            raise ArtefactError(f"{annotations} does not belong to {shard}: annotate it again")
        yield TokenBatch(tokens, annotated)
