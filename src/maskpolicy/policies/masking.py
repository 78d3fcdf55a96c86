"""The masking stage: a policy's decisions for a token shard, made offline and stored beside it."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import numpy as np
from numba import njit

from maskpolicy.artefacts import ArtefactError, write_manifest
from maskpolicy.corpora.shards import TokenBatch, read_batches, read_token_batches
from maskpolicy.policies.base import Address, Decisions
from maskpolicy.policies.control import redraw
from maskpolicy.policies.decisions import (
    packed,
    read_decisions,
    with_insertions,
    write_decisions,
)
from maskpolicy.policies.registry import build_policy
from maskpolicy.progress import work_progress
from maskpolicy.specs import Spec

LONGEST_ROW = 1 << 16
"""No row is as long as this: positions within a row are uint16."""


def decision_file(folder: Path, epoch: int, shard: Path) -> Path:
    """Where the decisions for a token shard lie in the folder of a policy's masks."""
    return folder / f"epoch-{epoch}" / shard.name


def mask_shard(
    shard: Path,
    annotations: Path | None,
    statistics: Path | None,
    name: str,
    spec: Spec,
    seed: int,
    epochs: Sequence[int],
    outputs: Sequence[Path],
    manifest: Path,
    networks: Path | None = None,
) -> None:
    """Apply the policy `name` to a token shard: one file of decisions an epoch, then the manifest.

    `annotations` of the shard, the folder `statistics` of its corpus and the folder `networks` of
    learned policies are read by the policies that need them. Memory holds one record batch at a
    time. The manifest counts the realised budget over all epochs: rows, dropped_rows (no decision,
    so no example), tokens, masked_tokens, rate, spans (runs of masked tokens), mean_span and
    span_lengths in tokens, insertions (spans of length zero).

    Raises ArtefactError, naming the file, when one is damaged or can't be written; InputError when
    the policy lacks one of those it needs.
    """
    policy = build_policy(spec, statistics, networks)
    batches = read_token_batches(shard, annotations)
    decided = (
        (batch, (policy.decide(batch, Address(seed, name, epoch)) for epoch in epochs))
        for batch in batches
    )
    _write(name, shard, seed, epochs, policy.inserts, decided, outputs, manifest)


def match_shard(
    shard: Path,
    matched: Sequence[Path],
    name: str,
    seed: int,
    epochs: Sequence[int],
    outputs: Sequence[Path],
    manifest: Path,
) -> None:
    """Make the matched-budget random control of a policy for a token shard (see :func:`redraw`).

    `matched` are the policy's decisions for the shard, a file an epoch; `name` is the control's.
    Files are written, and errors raised, as by :func:`mask_shard`.
    """
    readers = [read_decisions(path) for path in matched]

    def redrawn(batch: TokenBatch) -> Iterator[Decisions]:
        for epoch, reader, path in zip(epochs, readers, matched, strict=True):
            decisions = next(reader, None)
            if decisions is None or len(decisions.mask) != len(batch.input_ids):
                raise ArtefactError(f"{path} does not belong to {shard}: mask it again")
            yield redraw(batch, decisions, Address(seed, name, epoch))

    decided = ((batch, redrawn(batch)) for batch in read_token_batches(shard))
    inserts = with_insertions(matched[0])
    _write(name, shard, seed, epochs, inserts, decided, outputs, manifest)


def _write(
    name: str,
    shard: Path,
    seed: int,
    epochs: Sequence[int],
    inserts: bool,
    decided: Iterable[tuple[TokenBatch, Iterable[Decisions]]],
    outputs: Sequence[Path],
    manifest: Path,
) -> None:
    """Write the decisions for each batch and epoch, and the manifest that counts them."""
    budget = BudgetCount()
    rows = sum(batch.num_rows for batch in read_batches(shard))
    started = monotonic()
    with ExitStack() as stack:
        advance = stack.enter_context(work_progress(f"{name}, {shard.stem}", rows * len(epochs)))
        writers = [stack.enter_context(write_decisions(output, inserts)) for output in outputs]
        # Batches outermost, so that their columns are decoded once for all epochs.
        for batch, of_epochs in decided:
            for decisions, writer in zip(of_epochs, writers, strict=True):
                budget.add(batch.offsets, decisions)
                writer.write_batch(packed(decisions))
                advance(len(batch))
    # Counted once, not once an epoch: a learned network reads a token once for all of them.
    tokens = budget.tokens // max(1, len(epochs))
    print(
        f"{name}, {shard.stem}: {tokens:,} tokens masked for {len(epochs)} epochs,"
        f" {tokens / (monotonic() - started):,.0f} tokens a second",
        file=sys.stderr,
    )
    write_manifest(manifest, outputs, policy=name, seed=seed, epochs=list(epochs), **budget.facts())


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

    def facts(self) -> dict[str, int | float | dict[str, int]]:
        """The counts as they stand in the manifest."""
        lengths = np.flatnonzero(self.span_lengths)
        counts = self.span_lengths[lengths]
        masked, spans = int(lengths @ counts), int(counts.sum())
        return {
            "rows": self.rows,
            "dropped_rows": self.dropped_rows,
            "tokens": self.tokens,
            "masked_tokens": masked,
            "rate": masked / self.tokens if self.tokens else 0.0,
            "spans": spans,
            "mean_span": masked / spans if spans else 0.0,
            "insertions": self.insertions,
            "span_lengths": dict(zip(map(str, lengths), counts.tolist(), strict=True)),
        }


@njit(cache=True)
def _count_spans(offsets, mask, masked, insertions, inserted, span_lengths):  # noqa: ANN001, ANN202
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
