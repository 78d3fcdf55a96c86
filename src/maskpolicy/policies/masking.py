"""The masking stage: a policy's decisions for a token shard, made offline and stored beside it."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from maskpolicy.arrow_files import read_batches
from maskpolicy.artefacts import write_manifest
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.decisions.budgets import BudgetCount
from maskpolicy.decisions.files import packed, read_decisions, with_insertions, write_decisions
from maskpolicy.errors import ArtefactError
from maskpolicy.policies.control import redraw
from maskpolicy.policies.registry import build_policy
from maskpolicy.progress import work_progress
from maskpolicy.specs import Spec


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
