"""The text of the rows of a token shard, and where each token stands in it."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import titled


def row_text(title: str, text: str, begin: int, end: int) -> str:
    """The text of a row: the characters begin:end of its document, after the title."""
    return titled(title, text[begin:end])


def prefix_length(title: str) -> int:
    """How many characters of a row's text come before its document's."""
    return len(titled(title, " ")) - 1


def place_tokens(
    shard: Path, batch: pa.RecordBatch, documents: StoredDocuments, tokenizer: Tokenizer
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The text of each row, and where each of its tokens begins and ends in all texts, int64 [T].

    Texts follow each other without a gap. A token of white space ends before it begins, at the next
    character that is none (see :class:`AlignedTexts`). Raises ArtefactError, naming the shard, when
    it was made from other documents or with another tokenizer.
    """
    document, begin, end = (batch[name].to_numpy() for name in ("document", "begin", "end"))
    present, of_row = np.unique(document, return_inverse=True)
    if len(present) and present[-1] >= len(documents):
        raise ArtefactError(f"{shard} was made from other documents: shard them again")
    read = documents.read(present.tolist())
    titles, texts = [document.title for document in read], [document.text for document in read]
    aligned = align(tokenizer, list(map(titled, titles, texts)))

    prefix = np.array(list(map(prefix_length, titles)), np.int64)
    title_at = aligned.char_offsets[:-1][of_row]
    text_at = title_at + prefix[of_row]
    ranges = np.stack([title_at, text_at, text_at + begin, text_at + end], axis=1)
    token = np.searchsorted(aligned.start, ranges)
    # The tokens of white space before a row begin where it does: how many it has is in the shard.
    lengths = np.diff(batch["input_ids"].offsets.to_numpy())
    of_text = lengths - (token[:, 1] - token[:, 0])
    token[:, 2] = np.maximum(token[:, 3] - of_text, token[:, 1])
    row_texts = [
        row_text(titles[d], texts[d], b, e)
        for d, b, e in zip(of_row.tolist(), begin.tolist(), end.tolist(), strict=True)
    ]
    row_at = np.cumsum([0, *map(len, row_texts)])[:-1]
    # Each row's tokens: those of the title, then those of its characters.
    pieces = token.reshape(-1, 2)
    sizes = pieces[:, 1] - pieces[:, 0]
    moved = np.stack([row_at - title_at, row_at + prefix[of_row] - ranges[:, 2]], axis=1).ravel()
    take = np.repeat(pieces[:, 0] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
    ids = batch["input_ids"].flatten().to_numpy()
    if not np.array_equal(aligned.ids[take], ids):
        raise ArtefactError(
            f"{shard} was made from other documents or with another tokenizer: shard them again"
        )
    shift = np.repeat(moved, sizes)
    return row_texts, aligned.start[take] + shift, aligned.end[take] + shift
