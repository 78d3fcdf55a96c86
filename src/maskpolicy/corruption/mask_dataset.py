"""Masks as a data set that anybody's code reads: a folder of Parquet files, with a card.

A row has the columns

    row             int64, its number in the corpus, at which random choices are addressed
    input_ids       its tokens, without special ones
    word_start      true where a word begins
    sentence_start  true where a sentence begins
    mask_0, …       true where the token is masked, a column an epoch
    insertions_0, … true where one more <mask> stands before it; only of policies that insert

and the folder `tokenizer` what made the tokens. `datasets.load_dataset(FOLDER)` reads it, and
:class:`~maskpolicy.corruption.collator.MaskCollator` renders its rows.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from maskpolicy.artefacts import atomic_directory, write_manifest, write_text
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.decisions.budgets import MaskedCorpusFacts, read_budgets
from maskpolicy.decisions.files import (
    decision_file,
    mask_manifest,
    next_decisions,
    packed,
    read_decisions,
    with_insertions,
)
from maskpolicy.progress import work_progress
from maskpolicy.reporting.pages import environment

TOKENIZER = "tokenizer"
"""The folder of the tokenizer."""


def mask_column(epoch: int) -> str:
    """The column of an epoch's masks."""
    return f"mask_{epoch}"


def insertion_column(epoch: int) -> str:
    """The column of an epoch's insertions."""
    return f"insertions_{epoch}"


def export_masks(shards: Sequence[Path], masks: Path, tokenizer: Path, output: Path) -> None:
    """Write all epochs of the masks in the folder `masks` with their tokens to the folder `output`.

    A shard becomes a Parquet file; manifest.json and README.md say which corpus, policy and seed
    they are of, and what is masked. Raises ArtefactError, naming the file, when one is missing,
    damaged or of another corpus.
    """
    manifests = [mask_manifest(decision_file(masks, 0, shard)) for shard in shards]
    facts = MaskedCorpusFacts.of(manifests)
    files = [[decision_file(masks, epoch, shard) for epoch in facts.epochs] for shard in shards]
    inserts = with_insertions(files[0][0])
    budget = read_budgets(manifests)[facts.policy]
    with atomic_directory(output) as folder:
        # Both files, as transformers reads them.
        shutil.copytree(tokenizer, folder / TOKENIZER)
        with work_progress(output.name, budget.rows) as advance:
            for shard, of_epochs in zip(shards, files, strict=True):
                path = folder / f"{shard.stem}.parquet"
                schema = _schema(len(of_epochs), inserts)
                with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                    for batch in _batches(shard, of_epochs, schema):
                        writer.write_batch(batch)
                        advance(len(batch) * len(of_epochs))
        card = environment().get_template("mask_dataset.md")
        vocabulary = load_tokenizer(tokenizer).vocabulary_size
        text = card.render(
            facts=facts, budget=budget, inserts=inserts, vocabulary=vocabulary, epochs=files[0]
        )
        write_text(folder / "README.md", text)
        write_manifest(
            folder / "manifest.json",
            sorted(path for path in folder.rglob("*") if path.is_file()),
            **facts.model_dump() | {"epochs": len(facts.epochs), "insertions": inserts},
            budget=budget.model_dump(),
        )


def _schema(epochs: int, inserts: bool) -> pa.Schema:
    flags = pa.list_(pa.bool_())
    columns = {"row": pa.int64(), "input_ids": pa.list_(pa.int32())}
    columns |= {"word_start": flags, "sentence_start": flags}
    for epoch in range(epochs):
        columns[mask_column(epoch)] = flags
        if inserts:
            columns[insertion_column(epoch)] = flags
    return pa.schema(columns)


def _batches(shard: Path, masks: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a shard with the masks of every epoch, a record batch at a time."""
    readers = [read_decisions(path) for path in masks]
    for batch in read_token_batches(shard):
        offsets = pa.array(batch.offsets)
        columns = [batch.tokens.column("row"), _int32(batch)]
        columns += [batch.tokens.column(name) for name in ("word_start", "sentence_start")]
        for reader, path in zip(readers, masks, strict=True):
            decided = packed(next_decisions(reader, batch, path, shard))
            columns += [pa.ListArray.from_arrays(offsets, flags) for flags in decided.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _int32(batch: TokenBatch) -> pa.ListArray:
    """Token ids in a type that every library has a tensor of."""
    return batch.tokens.column("input_ids").cast(pa.list_(pa.int32()))
