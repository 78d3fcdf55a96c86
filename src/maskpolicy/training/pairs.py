"""Explicit (source, target) pairs of a masked corpus, as Arrow or JSON lines: what other trainers
read.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from maskpolicy.arrow_files import write_batches
from maskpolicy.artefacts import atomic_directory, atomic_path, write_manifest
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.progress import work_progress
from maskpolicy.training.masked_data import MaskedCorpus, MaskedEpoch, Renderer

PAIR_SCHEMA = pa.schema(
    {"row": pa.int64(), "source": pa.list_(pa.int32()), "target": pa.list_(pa.int32())}
)
"""A pair a line: the row of the corpus and its token ids, special ones included, without padding.

With the objective's `target: in-place` the target is the labels of the source's positions, IGNORED
(-100) where nothing is predicted.
"""

ROWS = 4096
"""Pairs of a record batch: as many are in memory at a time, padded."""


PairFormat = Literal["arrow", "jsonl"]
"""Arrow: PAIR_SCHEMA. JSON lines: an object a pair with the same keys, and the texts `source_text`
and, but of targets in place, `target_text`, which are without <s> and </s> around them.
"""


def pair_file(folder: Path, epoch: int, form: PairFormat = "arrow") -> Path:
    """Where the pairs of an epoch of masks lie."""
    return folder / f"epoch-{epoch}.{form}"


def export_pairs(
    corpus: MaskedCorpus, max_length: int, output: Path, form: PairFormat = "arrow"
) -> None:
    """Write the pairs of every epoch of masks to the folder `output`, a file an epoch.

    They are in the order of the rows, cut to `max_length` tokens, and those that
    :class:`MaskedBatches` holds in the pass of the same number (with one copy). Rows that are
    without decisions in an epoch are left out. manifest.json counts pairs, left out rows and
    tokens.

    Raises ArtefactError, naming the file, when an input is missing, damaged or of another corpus.
    """
    renderer = Renderer(corpus, max_length)
    epochs = range(len(corpus.masks))
    files = [pair_file(output, number, form).name for number in epochs]
    counts = []
    with atomic_directory(output) as folder:
        with work_progress(output.name, len(epochs) * len(renderer.tokens)) as advance:
            for number in epochs:
                pairs = source_tokens = target_tokens = 0
                with _writer(folder / files[number], corpus, form) as write:
                    for batch in _pairs(renderer, renderer.epoch(number)):
                        write(batch)
                        pairs += len(batch)
                        source_tokens += len(batch.column("source").flatten())
                        target_tokens += len(batch.column("target").flatten())
                        advance(len(batch))
                counts.append(
                    {
                        "pairs": pairs,
                        "dropped": len(renderer.tokens) - pairs,
                        "source_tokens": source_tokens,
                        "target_tokens": target_tokens,
                    }
                )
        write_manifest(
            folder / "manifest.json",
            [folder / file for file in files],
            objective=corpus.objective.model_dump(),
            max_length=max_length,
            seed=corpus.seed,
            epochs=counts,
        )


@contextmanager
def _writer(
    path: Path, corpus: MaskedCorpus, form: PairFormat
) -> Iterator[Callable[[pa.RecordBatch], Any]]:
    """What writes batches of pairs to a file that appears only when whole."""
    if form == "arrow":
        with write_batches(path, PAIR_SCHEMA) as writer:
            yield writer.write_batch
        return
    tokenizer = load_tokenizer(corpus.tokenizer)
    texts = ["source"] if corpus.in_place else ["source", "target"]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:

        def write(batch: pa.RecordBatch) -> None:
            columns = batch.to_pydict()
            for name in texts:
                columns[f"{name}_text"] = _texts(columns[name], tokenizer)
            for pair in zip(*columns.values(), strict=True):
                named = dict(zip(columns, pair, strict=True))
                file.write(json.dumps(named, ensure_ascii=False) + "\n")

        yield write


def _texts(sequences: Sequence[Sequence[int]], tokenizer: Tokenizer) -> list[str]:
    """Token ids as text, with masks and sentinels, without what encloses them."""
    inner = [ids[tokenizer.ends - 1 : -1] for ids in sequences]
    return [
        text.strip() for text in tokenizer.backend.decode_batch(inner, skip_special_tokens=False)
    ]


def _pairs(renderer: Renderer, epoch: MaskedEpoch) -> Iterator[pa.RecordBatch]:
    """The pairs of an epoch, a slab of rows at a time."""
    kept = np.flatnonzero(epoch.kept)
    for start in range(0, len(kept), ROWS):
        rows = kept[start : start + ROWS]
        rendered = renderer.render(rows, epoch)
        columns = [
            pa.array(renderer.tokens.rows[rows]),
            _lists(rendered.source, rendered.source_lengths),
            _lists(rendered.target, rendered.target_lengths),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=PAIR_SCHEMA)


def _lists(padded: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """Padded token ids, int64 [B, W], as lists of so many, int32 [B]."""
    inside = np.arange(padded.shape[1]) < lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, padded[inside].astype(np.int32))
