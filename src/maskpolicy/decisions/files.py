"""Decisions on disk: a bit a token, in the order of the tokens of the shard they belong to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import pack_bits, read_batches, unpack_bits
from maskpolicy.artefacts import atomic_path, read_json
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import ArtefactError


def decision_schema(inserts: bool) -> pa.Schema:
    """The columns of :class:`Decisions`, `insertions` only where the policy makes them.

    A file has a record batch for each one of its shard, and a value for each token. Where rows
    begin stands in the shard alone: in short rows, list offsets would weigh more than the bits.
    """
    names = ("decisions", "insertions") if inserts else ("decisions",)
    return pa.schema({name: pa.bool_() for name in names})


@contextmanager
def write_decisions(path: Path, inserts: bool) -> Iterator[pa.RecordBatchFileWriter]:
    """Yield a writer of :func:`packed` batches to a file that appears at `path` only when whole."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")  # insertions are rare, so this halves them
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, decision_schema(inserts), options=options) as writer,
    ):
        yield writer


def packed(decisions: Decisions) -> pa.RecordBatch:
    """The decisions for a batch of tokens as they are written: a byte to a bit."""
    columns = [decisions.mask]
    if decisions.insertions is not None:
        columns.append(decisions.insertions)
    bits = [pack_bits(column) for column in columns]
    return pa.RecordBatch.from_arrays(bits, schema=decision_schema(len(columns) > 1))


def with_insertions(path: Path) -> bool:
    """Whether a file of decisions has insertions. Raises ArtefactError, naming a damaged file."""
    return next((decisions.insertions is not None for decisions in read_decisions(path)), False)


def read_decisions(path: Path) -> Iterator[Decisions]:
    """The decisions for each batch of the shard. Raises ArtefactError, naming a damaged file."""
    for batch in read_batches(path):
        if batch.schema not in (decision_schema(False), decision_schema(True)):
            raise ArtefactError(f"{path} holds no decisions: mask its shard again")
        mask, *insertions = (unpack_bits(column) for column in batch.columns)
        yield Decisions(mask, *insertions)


def next_decisions(
    reader: Iterator[Decisions], batch: TokenBatch, path: Path, shard: Path
) -> Decisions:
    """What a reader of the file `path` has for the next batch of `shard`.

    Raises ArtefactError, naming the file, when that is of other rows.
    """
    decisions = next(reader, None)
    if decisions is None or len(decisions.mask) != len(batch.input_ids):
        raise ArtefactError(f"{path} does not belong to {shard}: mask it again")
    return decisions


def decision_file(folder: Path, epoch: int, shard: Path) -> Path:
    """Where the decisions for a token shard lie in the folder of a policy's masks."""
    return folder / f"epoch-{epoch}" / shard.name


def mask_manifest(decisions: Path) -> Path:
    """Where the manifest lies that counts a file of decisions, and those of the shard's other
    epochs.
    """
    return decisions.parent.parent / f"{decisions.stem}.json"


def has_manifest(decisions: Path) -> bool:
    """Whether that manifest is there and lists the file."""
    manifest = mask_manifest(decisions)
    listed = read_json(manifest).get("files", {}) if manifest.is_file() else {}
    return str(decisions.relative_to(manifest.parent)) in listed
