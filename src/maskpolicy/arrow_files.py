"""Arrow IPC files: written whole or not at all, read by memory-mapping; errors name the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskpolicy.artefacts import atomic_path
from maskpolicy.errors import ArtefactError


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as an IPC file, whole or not at all."""
    with write_batches(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def write_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchFileWriter]:
    """Yield a writer of an Arrow IPC file that appears at `path` only when whole."""
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        yield writer


def open_batches(path: Path) -> pa.RecordBatchFileReader:
    """Memory-map an Arrow IPC file. Raises ArtefactError, naming the file, when that fails."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path)))
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is missing: rerun the rule that makes it") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(
            f"{path} is damaged or truncated ({error}): delete and rerun"
        ) from error


def read_table(path: Path) -> pa.Table:
    """Read a whole Arrow IPC file, memory-mapped. Raises ArtefactError as :func:`open_batches`."""
    try:
        return open_batches(path).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(
            f"{path} is damaged or truncated ({error}): delete and rerun"
        ) from error


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The record batches of an Arrow file, one after the other; columns are memory-mapped.

    Raises ArtefactError, naming the file, when it is missing, damaged or truncated.
    """
    reader = open_batches(path)
    for i in range(reader.num_record_batches):
        try:
            batch = reader.get_batch(i)
        except (pa.ArrowInvalid, OSError) as error:
            raise ArtefactError(f"{path} is damaged ({error}): delete and rerun") from error
        yield batch


def unpack_bits(array: pa.BooleanArray) -> np.ndarray:
    """An Arrow boolean array without nulls as numpy bool [n]; one copy, a bit to a byte."""
    first = array.offset // 8 * 8
    bits = (
        np.frombuffer(array.buffers()[1], dtype=np.uint8) if len(array) else np.empty(0, np.uint8)
    )
    bits = bits[first // 8 : (array.offset + len(array) + 7) // 8]
    skip = array.offset - first
    unpacked = np.unpackbits(bits, bitorder="little", count=skip + len(array))
    return unpacked[skip:].view(np.bool_)


def pack_bits(flags: np.ndarray) -> pa.BooleanArray:
    """numpy bool [n] as an Arrow boolean array, a byte to a bit."""
    bits = np.packbits(flags.view(np.uint8), bitorder="little")
    return pa.BooleanArray.from_buffers(pa.bool_(), len(flags), [None, pa.py_buffer(bits)])
