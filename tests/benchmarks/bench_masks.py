"""How fast masks are made and rendered on one core; transformers, fairseq and memory beside them.

Everything is measured in one run, on the same real text: the pages of the Factbook in rows of up to
128 tokens, over and over until there are 20 million. Peers get a part of it, large enough to time.
A time is the CPU time of this process, held to one thread, and the median of several repetitions
after a warm-up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import pyarrow as pa
import torch
from fairseq.data import DenoisingDataset, Dictionary, MaskTokensDataset
from support.benchmark_report import Row, report
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from maskpolicy.arrow_files import read_batches, write_batches
from maskpolicy.corpora.annotation import annotate_shard
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.statistics.registry import STATISTICS, count_statistics
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import (
    SpecialIds,
    TokenColumns,
    load_decisions,
    load_tokens,
    render,
)
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import decision_file
from maskpolicy.policies import registry, specs
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.sources import factbook
from maskpolicy.sources.base import Document

TOKENS = 20_000_000
PEER_TOKENS = 400_000
REPETITIONS = 3
SEQUENCE_LENGTH = 128
BATCH_SIZE = 64
SHARD = Path("shard.arrow")
WIKIPEDIA = 3_000_000_000  # tokens

MEMORY_COPY = "memory copy of the token ids"
COLLATOR = "transformers DataCollatorForLanguageModeling"
DENOISING = "fairseq DenoisingDataset"
MASK_TOKENS = "fairseq MaskTokensDataset"

# Every kind of policy, and the peer that does the same or comes closest.
POLICIES: dict[str, tuple[specs.Spec, str]] = {
    "rand": (specs.RandomTokens(kind="rand"), COLLATOR),
    "rand@control": (specs.RandomTokens(kind="rand"), COLLATOR),
    "whole-word": (specs.WholeWord(kind="whole-word"), COLLATOR),
    "fully-explored": (specs.FullyExplored(kind="fully-explored"), COLLATOR),
    "orig-infill": (specs.OrigInfill(kind="orig-infill"), DENOISING),
    "span": (specs.RandomSpans(kind="span"), DENOISING),
    "span (T5)": (
        specs.RandomSpans(
            kind="span", lengths=specs.FixedMeanLengths(distribution="fixed-mean"), unit="token"
        ),
        DENOISING,
    ),
    "ssm": (specs.Ssm(kind="ssm"), COLLATOR),
    "ssm@control": (specs.Ssm(kind="ssm"), COLLATOR),
    "pos": (specs.PartsOfSpeech(kind="pos", weights={"NOUN": 2.0, "VERB": 1.0}), COLLATOR),
    "mask-first-sentences": (specs.MaskFirstSentences(kind="mask-first-sentences"), COLLATOR),
    "mask-random-sentences": (specs.MaskRandomSentences(kind="mask-random-sentences"), COLLATOR),
    "gap-sentences": (specs.GapSentences(kind="gap-sentences"), COLLATOR),
    "pmi": (specs.CorrelatedSpans(kind="pmi", vocabulary_size=8000), COLLATOR),
    "informative": (specs.InformativeWords(kind="informative"), COLLATOR),
    "idf": (specs.RareWords(kind="idf"), COLLATOR),
    "mixture of ssm and rand": (
        specs.Mixture(
            kind="mixture",
            components=(
                specs.Component(weight=1.0, policy=specs.Ssm(kind="ssm")),
                specs.Component(weight=1.0, policy=specs.RandomTokens(kind="rand")),
            ),
        ),
        COLLATOR,
    ),
}

# What is rendered: a policy's decisions with an objective, and the peer that makes such batches.
OBJECTIVES = {
    "spans, masked tokens": ("orig-infill", Objective(), DENOISING),
    "spans, every token": ("orig-infill", Objective(target="full"), DENOISING),
    "T5": ("span (T5)", Objective(source="sentinel", target="sentinel"), DENOISING),
    "BERT": ("rand", Objective(source="token", target="in-place", random=0.1, keep=0.1), COLLATOR),
}


@dataclass(frozen=True)
class Corpus:
    """Files of the benchmark: `page` is the corpus once, `shard` as often as it takes."""

    tokenizer: Tokenizer
    page: Path
    page_annotations: Path
    shard: Path
    annotations: Path
    statistics: Path
    annotated_per_second: float


def cpu_seconds(work: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Median CPU seconds of `work`."""
    times = []
    for _ in range(repetitions):
        start = process_time()
        work()
        times.append(process_time() - start)
    return median(times)


def make_corpus(folder: Path) -> Corpus:
    """The Factbook, a document a country: tokenizer, shard, annotations, statistics."""
    passages = [
        passage
        for part in ("facts", "other")
        for passage in factbook.Documents(source="factbook", passages=part).documents()
    ]
    passages.sort(key=lambda passage: passage.title)
    pages = [
        Document(title, " ".join(passage.text for passage in group))
        for title, group in groupby(passages, key=lambda passage: passage.title)
    ]
    documents = folder / "documents"
    write_documents(pages, documents)
    spec = TrainedTokenizer(train_on=("factbook",), vocabulary_size=8000)
    train_tokenizer([documents], spec, folder / "tokenizer")
    page, page_annotations = folder / "page.arrow", folder / "page-annotations.arrow"
    shard_corpus(documents, folder / "tokenizer", page, sequence_length=SEQUENCE_LENGTH)
    seconds = cpu_seconds(
        lambda: annotate_shard(
            page, documents, folder / "tokenizer", page_annotations, state=folder / "state"
        ),
        repetitions=1,
    )
    tokens = count_tokens(page)
    for statistic in STATISTICS:
        count_statistics(statistic, [page], folder / "statistics" / f"{statistic}.arrow")
    copies = -(-TOKENS // tokens)
    return Corpus(
        load_tokenizer(folder / "tokenizer"),
        page,
        page_annotations,
        repeat(page, folder / SHARD, copies),
        repeat(page_annotations, folder / "annotations.arrow", copies),
        folder / "statistics",
        tokens / seconds,
    )


def repeat(page: Path, output: Path, copies: int) -> Path:
    """The rows of `page` over and over, each time with numbers of their own."""
    batches = list(read_batches(page))
    step = 1 + max(batch.column("row").to_numpy().max() for batch in batches)
    with write_batches(output, batches[0].schema) as writer:
        for copy in range(copies):
            for batch in batches:
                rows = pa.array(batch.column("row").to_numpy() + copy * step)
                writer.write_batch(batch.set_column(0, "row", rows))
    return output


def count_tokens(shard: Path) -> int:
    """Tokens of a shard."""
    return sum(len(batch.column("input_ids").flatten()) for batch in read_batches(shard))


def peer_rows(tokens: TokenColumns, special: SpecialIds) -> list[list[int]]:
    """The first rows of the corpus as the peers take them: lists between <s> and </s>."""
    n_rows = int(np.searchsorted(tokens.offsets, PEER_TOKENS))
    rows = np.split(tokens.input_ids[: tokens.offsets[n_rows]], tokens.offsets[1:n_rows])
    return [[special.bos, *row.tolist(), special.eos] for row in rows]


def measure_collator(rows: list[list[int]], tokenizer: Tokenizer) -> Row:
    """Lists of examples in, batches out, special tokens marked by the tokenizer as is advised."""
    names = ("bos", "pad", "eos", "unk", "mask")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend,
        **{
            f"{name}_token": tokenizer.backend.id_to_token(getattr(tokenizer, name))
            for name in names
        },
    )
    collate = DataCollatorForLanguageModeling(fast, mlm_probability=0.15)
    examples = [
        {"input_ids": row, "special_tokens_mask": [1] + [0] * (len(row) - 2) + [1]} for row in rows
    ]

    def run() -> None:
        for start in range(0, len(examples), BATCH_SIZE):
            collate(examples[start : start + BATCH_SIZE])

    collate(examples[:BATCH_SIZE])
    return rate(COLLATOR, sum(map(len, rows)) - 2 * len(rows), cpu_seconds(run))


class FreshItems(list[torch.Tensor]):
    """A list that gives copies, as fairseq's datasets on disk do: masking is in place."""

    def __getitem__(self, index: int) -> torch.Tensor:
        return super().__getitem__(index).clone()


def measure_fairseq(rows: list[list[int]], tokenizer: Tokenizer) -> Iterator[Row]:
    """Items of its datasets, without collating them: BART's text infilling, and BERT's masking."""
    dictionary = Dictionary()
    for token in range(len(dictionary), tokenizer.vocabulary_size):
        dictionary.add_symbol(tokenizer.backend.id_to_token(token))
    word_starts = torch.tensor([symbol.startswith("Ġ") for symbol in dictionary.symbols])
    items = FreshItems([torch.tensor(row) for row in rows])
    sizes = np.array([len(row) for row in rows])
    tokens = sizes.sum() - 2 * len(rows)
    denoising = DenoisingDataset(
        items,
        sizes,
        dictionary,
        tokenizer.mask,
        mask_whole_words=word_starts.byte(),
        shuffle=False,
        seed=1,
        mask=0.3,
        mask_random=0.0,
        insert=0.0,
        rotate=0.0,
        permute_sentences=0.0,
        bpe=None,
        replace_length=1,
        mask_length="span-poisson",
        poisson_lambda=3.0,
    )
    denoising[0]
    yield rate(DENOISING, tokens, cpu_seconds(lambda: [denoising[i] for i in range(len(items))]))

    def run() -> None:
        source, target = MaskTokensDataset.apply_mask(
            items, dictionary, pad_idx=dictionary.pad(), mask_idx=tokenizer.mask
        )
        for i in range(len(items)):
            source[i], target[i]

    yield rate(MASK_TOKENS, tokens, cpu_seconds(run))


def measure_policies(
    corpus: Corpus, tokens: int, peers: dict[str, Row], folder: Path
) -> Iterator[Row]:
    """Every policy from Arrow shard to Arrow decisions written, manifest and hash included."""
    for name, (spec, peer) in POLICIES.items():
        mask = partial(mask_shard, spec=spec, statistics=corpus.statistics)
        page, shard = (
            ShardMasks(tokens, "corpus", name, 0, [0], folder / name / "manifest.json")
            for tokens in (corpus.page, corpus.shard)
        )
        mask(page, annotations=corpus.page_annotations)
        seconds = cpu_seconds(partial(mask, shard, annotations=corpus.annotations))
        yield rate(name, tokens, seconds).against(peers[peer])


def measure_rendering(
    columns: TokenColumns,
    special: SpecialIds,
    peers: dict[str, Row],
    decided: dict[str, Row],
    folder: Path,
) -> Iterator[Row]:
    """Decisions in memory to padded batches of shuffled rows, every row once; then both stages."""
    order = np.random.default_rng(0).permutation(len(columns))
    tokens = len(columns.input_ids)
    for name, (policy, objective, peer) in OBJECTIVES.items():
        decisions = load_decisions([decision_file(folder / policy, 0, SHARD)], columns)
        batches = partial(render_batches, columns, decisions, objective, special)
        batches(order[:BATCH_SIZE])
        seconds = cpu_seconds(partial(batches, order))
        yield rate(f"render {policy}: {name}", tokens, seconds).against(peers[peer])
        both = seconds + tokens / decided[policy].value
        yield rate(f"decide and render {policy}: {name}", tokens, both).against(peers[peer])


def render_batches(
    columns: TokenColumns,
    decisions: Decisions,
    objective: Objective,
    special: SpecialIds,
    rows: np.ndarray,
) -> None:
    """Render the rows in batches."""
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows[start : start + BATCH_SIZE]
        render(columns, decisions, batch, objective, special, source_length=512, target_length=512)


def rate(what: str, tokens: int, seconds: float) -> Row:
    """Tokens a second."""
    return Row(what, tokens / seconds, "tokens/s")


def measure(folder: Path) -> Iterator[Row]:
    """All rows of the benchmark."""
    corpus = make_corpus(folder)
    columns = load_tokens([corpus.shard])
    tokens = len(columns.input_ids)
    sentinels = tuple(
        range(corpus.tokenizer.vocabulary_size, corpus.tokenizer.vocabulary_size + 100)
    )
    special = SpecialIds(0, 1, 2, 4, sentinels, (3,), corpus.tokenizer.vocabulary_size)

    copy = np.empty_like(columns.input_ids)
    peers = [rate(MEMORY_COPY, tokens, cpu_seconds(lambda: np.copyto(copy, columns.input_ids)))]
    rows = peer_rows(columns, special)
    peers += [measure_collator(rows, corpus.tokenizer), *measure_fairseq(rows, corpus.tokenizer)]
    by_name = {peer.what: peer for peer in peers}
    yield from peers
    policies = list(measure_policies(corpus, tokens, by_name, folder))
    yield from policies
    decided = {row.what: row for row in policies}
    yield from measure_rendering(columns, special, by_name, decided, folder)

    ids = Row("token ids in memory", columns.input_ids.nbytes, "bytes")
    for name in ("rand", "orig-infill"):
        size = (decision_file(folder / name, 0, SHARD)).stat().st_size
        yield Row(f"{name}: decisions on disk", size, "bytes").against(ids)
    annotated = corpus.annotated_per_second
    yield Row("spaCy annotation", annotated, "tokens/s")
    core_hours = WIKIPEDIA / annotated / 3600
    yield Row("spaCy annotation of 3 billion tokens", core_hours, "core-hours")


def main() -> None:
    """Measure and report."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    with TemporaryDirectory() as folder:
        rows = list(measure(Path(folder)))
    measured = {spec.kind for spec, _ in POLICIES.values()}
    others = ", ".join(sorted(registry.POLICIES.keys() - measured))
    notes = [" ".join(__doc__.partition("\n\n")[2].split())]
    if others:
        notes.append(f"Not measured here, because they need a trained network: {others}.")
    report("masks", "Masks on one core", rows, notes)


if __name__ == "__main__":
    main()
