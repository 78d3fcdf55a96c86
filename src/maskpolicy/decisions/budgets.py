"""The masking budget that a policy really used, counted over its decisions."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit
from pydantic import ConfigDict

from maskpolicy.artefacts import read_json
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import ArtefactError
from maskpolicy.records import JsonRecord

LONGEST_ROW = 1 << 16
"""No row is as long as this: positions within a row are uint16."""


class Budget(JsonRecord):
    """Counts over all rows, epochs and shards of a policy's decisions."""

    rows: int
    dropped_rows: int  # without any decision: they yield no training example
    tokens: int
    masked_tokens: int
    spans: int  # runs of masked tokens
    insertions: int  # spans of length zero: a mask where no token was removed

    @property
    def rate(self) -> float:
        """Masked tokens as a share of all tokens of the corpus."""
        return self.masked_tokens / self.tokens if self.tokens else 0.0

    @property
    def masked_per_row(self) -> float:
        """Masked tokens of a row that was not dropped."""
        kept = self.rows - self.dropped_rows
        return self.masked_tokens / kept if kept else 0.0

    @property
    def mean_span(self) -> float:
        """Tokens of a span."""
        return self.masked_tokens / self.spans if self.spans else 0.0

    @property
    def insertions_per_row(self) -> float:
        """Zero-length spans of a row that was not dropped."""
        kept = self.rows - self.dropped_rows
        return self.insertions / kept if kept else 0.0

    @property
    def dropped(self) -> float:
        """Dropped rows as a share of all rows."""
        return self.dropped_rows / self.rows if self.rows else 0.0


def read_budgets(manifests: Sequence[Path]) -> dict[str, Budget]:
    """Policy -> budget, added up over the manifests of its masked shards.

    Raises ArtefactError, naming the file and key, when one is not such a manifest.
    """
    totals: dict[str, Counter[str]] = {}
    for path in manifests:
        manifest = read_json(path)
        try:
            counts = {name: int(manifest[name]) for name in Budget.model_fields}
            totals.setdefault(manifest["policy"], Counter()).update(counts)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"{path} is not a manifest of masks: {error}") from error
    return {policy: Budget(**total) for policy, total in totals.items()}


class MaskedCorpusFacts(JsonRecord):
    """Which masks they are: of what corpus, by what policy, with what seed, for what epochs."""

    model_config = ConfigDict(extra="ignore")

    corpus: str
    policy: str
    seed: int
    epochs: list[int]

    @classmethod
    def of(cls, manifests: Sequence[Path]) -> Self:
        """What the manifests of all masked shards say. Raises ArtefactError where they differ."""
        first, *others = [(path, cls.read(path)) for path in manifests]
        for path, facts in others:
            if facts != first[1]:
                raise ArtefactError(f"{first[0]} and {path} are not of the same masks")
        return first[1]


class BudgetCount:
    """What a policy masked, counted over batches of decisions."""

    def __init__(self) -> None:
        self.rows = 0
        self.dropped_rows = 0
        self.tokens = 0
        self.insertions = 0
        self.span_lengths = np.zeros(LONGEST_ROW, np.int64)

    def add(self, offsets: np.ndarray, decisions: Decisions) -> None:
        """Count the decisions of a batch of rows that begin at `offsets`, int32 [B + 1]."""
        inserted = decisions.insertions
        no_insertions = np.zeros(0, np.bool_)
        dropped, zero_length = _count_spans(
            offsets,
            decisions.mask,
            np.flatnonzero(decisions.mask),
            no_insertions if inserted is None else inserted,
            np.flatnonzero(no_insertions if inserted is None else inserted),
            self.span_lengths,
        )
        self.rows += len(offsets) - 1
        self.dropped_rows += dropped
        self.tokens += len(decisions.mask)
        self.insertions += zero_length

    @property
    def masked_tokens(self) -> int:
        """How many tokens are masked."""
        return int(np.arange(LONGEST_ROW) @ self.span_lengths)

    @property
    def rate(self) -> float:
        """Masked tokens as a share of all tokens."""
        return self.masked_tokens / self.tokens if self.tokens else 0.0

    def facts(self) -> dict[str, int | float | dict[str, int]]:
        """The counts as they stand in the manifest."""
        lengths = np.flatnonzero(self.span_lengths)
        counts = self.span_lengths[lengths]
        masked, spans = self.masked_tokens, int(counts.sum())
        return {
            "rows": self.rows,
            "dropped_rows": self.dropped_rows,
            "tokens": self.tokens,
            "masked_tokens": masked,
            "rate": self.rate,
            "spans": spans,
            "mean_span": masked / spans if spans else 0.0,
            "insertions": self.insertions,
            "span_lengths": dict(zip(map(str, lengths), counts.tolist(), strict=True)),
        }


@njit(cache=True)
def _count_spans(offsets, mask, masked, insertions, inserted, span_lengths):
    """Add to span_lengths; return how many rows have no decision and how many spans no token.

    masked and inserted are the positions where mask and insertions hold: few, so this is quick.
    """
    m = i = 0
    dropped = zero_length = 0
    for b in range(len(offsets) - 1):
        first, last = offsets[b], offsets[b + 1]
        before_m, before_zero_length = m, zero_length
        length = 0
        while m < len(masked) and masked[m] < last:
            position = masked[m]
            split = len(insertions) > 0 and insertions[position]
            if length and (split or masked[m - 1] != position - 1):
                span_lengths[length] += 1
                length = 0
            length += 1
            m += 1
        if length:
            span_lengths[length] += 1
        while i < len(inserted) and inserted[i] < last:
            position = inserted[i]
            within = mask[position] and position > first and mask[position - 1]
            zero_length += not within
            i += 1
        dropped += m == before_m and zero_length == before_zero_length
    return dropped, zero_length
