"""The masking stage: a policy's decisions for a token shard, made offline and stored beside it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from maskpolicy.arrow_files import read_batches
from maskpolicy.artefacts import fingerprint, is_vouched_for, write_manifest
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.decisions.budgets import BudgetCount, read_budgets
from maskpolicy.decisions.files import (
    decision_file,
    next_decisions,
    packed,
    read_decisions,
    with_insertions,
    write_decisions,
)
from maskpolicy.policies.base import PolicySpec, check_decisions
from maskpolicy.policies.control import redraw
from maskpolicy.policies.registry import build_policy
from maskpolicy.progress import work_progress
from maskpolicy.side_by_side import in_processes


@dataclass(frozen=True)
class ShardMasks:
    """The masks to make of one token shard: where their random choices are made, and where they go.

    `policy` is the name of the arm: it is part of the random address, as are `corpus`, `seed` and
    `epochs`.
    The decisions of each epoch lie beside the `manifest`, as :func:`decision_file` says.
    """

    shard: Path
    corpus: str
    policy: str
    seed: int
    epochs: Sequence[int]
    manifest: Path
    made_of: str = (
        ""  # fingerprint of all that they depend on, by which the manifest is known again
    )

    @property
    def addresses(self) -> list[Address]:
        """Where the random choices of each epoch are made."""
        return [Address(self.seed, self.corpus, self.policy, epoch) for epoch in self.epochs]

    @property
    def decisions(self) -> list[Path]:
        """The file of each epoch."""
        folder = self.manifest.parent
        return [decision_file(folder, epoch, self.shard) for epoch in self.epochs]


@dataclass(frozen=True)
class CorpusMasks:
    """The masks to make of the shards of a corpus, each as :class:`ShardMasks` says, and where they
    go: to `folder`, with a manifest for each shard and `manifest.json` for all.
    """

    shards: Sequence[Path]
    corpus: str
    policy: str
    seed: int
    epochs: Sequence[int]
    folder: Path

    def of_shard(self, shard: Path, spec: PolicySpec, files: Iterable[Path]) -> ShardMasks:
        """Those of one shard, made by a policy's record of the shard and of these files too."""
        made_of = fingerprint(
            *(self.corpus, self.policy, self.seed, list(self.epochs)),
            spec.model_dump(mode="json"),
            files=[shard, *files, *map(Path, spec.files)],
        )
        manifest = self.folder / f"{shard.stem}.json"
        return ShardMasks(
            shard, self.corpus, self.policy, self.seed, self.epochs, manifest, made_of
        )


def mask_corpus(
    masks: CorpusMasks,
    spec: PolicySpec,
    *,
    annotations: Path | None = None,
    statistics: Path | None = None,
    processes: int = 1,
) -> None:
    """Apply a policy that needs no network to the shards of a corpus, so many at a time.

    As :func:`mask_shard`, but `annotations` is a folder with a file for each shard. Masks that are
    there, whole and made of the same, are kept: an interrupted job goes on with the other shards.
    """
    _mask_all(masks, partial(_mask, masks, spec, annotations, statistics), processes)


def match_corpus(
    masks: CorpusMasks, spec: PolicySpec, matched: Path, *, processes: int = 1
) -> None:
    """Make the control of a policy, whose masks are in the folder `matched`, for the shards of a
    corpus, so many at a time: see :func:`match_shard`. Masks are kept as by :func:`mask_corpus`.
    """
    _mask_all(masks, partial(_match, masks, spec, matched), processes)


def _mask_all(masks: CorpusMasks, mask: Callable[[Path], Path], processes: int) -> None:
    """Mask every shard by a function that gives its manifest, and write the one of all of them."""
    jobs = {str(shard): partial(mask, shard) for shard in masks.shards}
    manifests = list(in_processes(jobs, processes))
    write_manifest(
        masks.folder / "manifest.json",
        manifests,
        corpus=masks.corpus,
        policy=masks.policy,
        seed=masks.seed,
        epochs=list(masks.epochs),
        **read_budgets(manifests)[masks.policy].model_dump(),
    )


def _mask(
    masks: CorpusMasks,
    spec: PolicySpec,
    annotations: Path | None,
    statistics: Path | None,
    shard: Path,
) -> Path:
    annotated = annotations / shard.name if annotations else None
    counted = [statistics / f"{name}.arrow" for name in spec.statistics] if statistics else []
    of_shard = masks.of_shard(shard, spec, [*filter(None, [annotated]), *counted])
    if not _kept(of_shard):
        mask_shard(of_shard, spec, annotations=annotated, statistics=statistics)
    return of_shard.manifest


def _match(masks: CorpusMasks, spec: PolicySpec, matched: Path, shard: Path) -> Path:
    decisions = [decision_file(matched, epoch, shard) for epoch in masks.epochs]
    of_shard = masks.of_shard(shard, spec, decisions)
    if not _kept(of_shard):
        match_shard(of_shard, spec, decisions)
    return of_shard.manifest


def _kept(masks: ShardMasks) -> bool:
    if is_vouched_for(masks.manifest, masks.made_of):
        print(f"{masks.policy}, {masks.shard.stem}: is there, and kept", file=sys.stderr)
        return True
    masks.manifest.unlink(missing_ok=True)  # while others are written it would vouch for them
    return False


def mask_shard(
    masks: ShardMasks,
    spec: PolicySpec,
    *,
    annotations: Path | None = None,
    statistics: Path | None = None,
    networks: Path | None = None,
) -> None:
    """Apply a policy to a token shard: one file of decisions an epoch, then the manifest.

    `annotations` of the shard, the folder `statistics` of its corpus and the folder `networks` of
    learned policies are read by the policies that need them. Memory holds one record batch at a
    time. The manifest counts the realised budget over all epochs: rows, dropped_rows (no decision,
    so no example), tokens, masked_tokens, rate, spans (runs of masked tokens), mean_span and
    span_lengths in tokens, insertions (spans of length zero).

    Raises ArtefactError, naming the file, when one is damaged or can't be written; InputError when
    the policy lacks one of those it needs, or does not decide as its record says.
    """
    policy = build_policy(spec, statistics, networks)

    def decided(batch: TokenBatch) -> Iterator[Decisions]:
        for address in masks.addresses:
            decisions = policy.decide(batch, address)
            check_decisions(spec, decisions, batch)
            yield decisions

    batches = read_token_batches(masks.shard, annotations)
    _write(masks, spec.inserts, ((batch, decided(batch)) for batch in batches))


def match_shard(masks: ShardMasks, spec: PolicySpec, matched: Sequence[Path]) -> None:
    """Make the matched-budget random control of a policy for a token shard (see :func:`redraw`).

    `spec` is the policy's record, `matched` its decisions for the shard, a file an epoch; `masks`
    are the control's. Files are written, and errors raised, as by :func:`mask_shard`.
    """
    readers = [read_decisions(path) for path in matched]

    def redrawn(batch: TokenBatch) -> Iterator[Decisions]:
        for address, reader, path in zip(masks.addresses, readers, matched, strict=True):
            decisions = next_decisions(reader, batch, path, masks.shard)
            yield redraw(batch, decisions, address, spec)

    batches = read_token_batches(masks.shard)
    _write(masks, with_insertions(matched[0]), ((batch, redrawn(batch)) for batch in batches))


def _write(
    masks: ShardMasks, inserts: bool, decided: Iterable[tuple[TokenBatch, Iterable[Decisions]]]
) -> None:
    """Write the decisions for each batch and epoch, and the manifest that counts them."""
    budget = BudgetCount()
    about, epochs = f"{masks.policy}, {masks.shard.stem}", len(masks.epochs)
    rows = sum(batch.num_rows for batch in read_batches(masks.shard))
    started = monotonic()
    with ExitStack() as stack:
        advance = stack.enter_context(work_progress(about, rows * epochs))
        writers = [stack.enter_context(write_decisions(path, inserts)) for path in masks.decisions]
        # Batches outermost, so that their columns are decoded once for all epochs.
        for batch, of_epochs in decided:
            for decisions, writer in zip(of_epochs, writers, strict=True):
                budget.add(batch.offsets, decisions)
                writer.write_batch(packed(decisions))
                advance(len(batch))
    # Counted once, not once an epoch: a learned network reads a token once for all of them.
    tokens = budget.tokens // max(1, epochs)
    print(
        f"{about}: {100 * budget.rate:.1f} % masked,"
        f" {tokens / (monotonic() - started):,.0f} tokens a second",
        file=sys.stderr,
    )
    write_manifest(
        masks.manifest,
        masks.decisions,
        corpus=masks.corpus,
        policy=masks.policy,
        seed=masks.seed,
        epochs=list(masks.epochs),
        fingerprint=masks.made_of,
        **budget.facts(),
    )
