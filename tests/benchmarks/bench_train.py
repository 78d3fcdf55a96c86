"""Pre-training, from Arrow files to weights that moved, beside transformers' Trainer.

Both sides train the same model on the same batches in the same order, with the same AdamW, schedule
and clipped norm; their losses must be the same curve. This package reads a masked corpus (token
shards and decisions) and renders it as it goes. Trainer is given the rendered pairs as lists in
memory, which costs it no reading, and collates them with DataCollatorForSeq2Seq.

On the CPU: BART-mini of config.yaml on sentences of the Factbook (one named entity masked and
predicted; text infilling with the whole text as the target), and a masked LM of BERT-mini's sizes.
A time is the CPU time of a process with one thread, from a step to a later one, the median of runs
that take turns.

On a GPU, where torch finds one: BART-base and BERT-base with random weights on made-up tokens in
full rows. A time is wall-clock time; MFU is the share of the GPU's dense bfloat16 peak. This half
imports torch, transformers (with accelerate for Trainer), numpy, numba, pyarrow, pydantic,
safetensors, tokenizers and rich, with whatever versions are there, and reads no network:
``PYTHONPATH=src:tests python tests/benchmarks/bench_train.py gpu`` needs no installation.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Literal

import numpy as np
import torch
from support.benchmark_report import Row, report
from transformers import PreTrainedModel

from maskpolicy.arrow_files import write_batches
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import decision_file, packed, write_decisions
from maskpolicy.models import families
from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.devices import choose_device
from maskpolicy.models.specs import BartArchitecture, EncoderArchitecture
from maskpolicy.training.compilation import compile_body
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.masked_data import MaskedBatches, MaskedCorpus
from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.specs import Optimisation

Side = Literal["maskpolicy", "transformers Trainer"]
SIDES: tuple[Side, Side] = ("maskpolicy", "transformers Trainer")
PEER_PACKAGES = Path(sys.prefix) / "bench-train"
"""Where `make bench-train` puts what only the peer needs."""

ENTITY, INFILL, TOKENS = "one entity", "text infilling, full targets", "15 % of the tokens"
OBJECTIVES = {
    ENTITY: Objective(source="span", target="masked"),
    INFILL: Objective(source="span", target="full"),
    TOKENS: Objective(source="token", target="in-place", random=0.1, keep=0.1),
}
EPOCHS = 2


@dataclass(frozen=True)
class Case:
    """What is trained on what: the folder of a model, and masks by their name."""

    what: str
    model: str
    masks: str
    batch_size: int
    examples_at_once: int | None = None
    warm: int = 10
    steps: int = 70


CPU_CASES = (
    Case("BART-mini, one entity", "bart-mini", ENTITY, 64),
    Case("BART-mini, full targets", "bart-mini", INFILL, 64),
    Case("BERT-mini, masked LM", "bert-mini", TOKENS, 64, steps=40),
)
ROUNDS = 5

# Rows of 128 or 512 tokens with <s> and </s>.
GPU_CASES = (
    Case("BART-base, one entity", "bart-base", ENTITY, 2048, 256, warm=6, steps=16),
    Case("BART-base, full targets", "bart-base", INFILL, 2048, 256, warm=6, steps=16),
    Case("BERT-base, masked LM", "bert-base", TOKENS, 512, 64, warm=6, steps=16),
)
GPU_FOLDERS = {"bart-base": "length-128", "bert-base": "length-512"}
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 FLOP/s."""


@dataclass(frozen=True)
class Sizes:
    """A made-up corpus and the model that reads it."""

    row: int
    rows: int
    vocabulary: int
    model: BartArchitecture | EncoderArchitecture


GPU_SIZES = {
    "length-128": Sizes(
        126,
        16 * 2048,
        50265,
        BartArchitecture(
            d_model=768,
            encoder_layers=6,
            decoder_layers=6,
            attention_heads=12,
            ffn_dim=3072,
            dropout=0.1,
            max_positions=1024,
        ),
    ),
    "length-512": Sizes(510, 16 * 512, 30522, EncoderArchitecture()),
}


def main(*only: str) -> None:
    """Measure what this machine has, or only `cpu` or `gpu`, and report."""
    rows: list[Row] = []
    notes = [" ".join(__doc__.partition("\n\n")[2].partition("\n\n")[0].split())]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "gpu" not in only:
            make_cpu_data(folder)
            for case in CPU_CASES:
                rows += cpu_rows(case, folder)
        if "cpu" not in only and not torch.cuda.is_available():
            print("not measured: no GPU")
        elif "cpu" not in only:
            machine = torch.cuda.get_device_name()
            for name, sizes in GPU_SIZES.items():
                make_gpu_data(folder / name, sizes)
            for case in GPU_CASES:
                rows += gpu_rows(case, folder / GPU_FOLDERS[case.model], machine)
            notes.append(f"GPU: {machine}, torch {torch.__version__}.")
    if rows:
        report("train", "Pre-training", rows, notes)


def make_cpu_data(folder: Path) -> None:
    """Sentences of the Factbook with masks of three policies, and models of few sizes."""
    from maskpolicy.corpora.annotation import annotate_shard
    from maskpolicy.corpora.documents import write_documents
    from maskpolicy.corpora.sharding import shard_corpus
    from maskpolicy.corpora.specs import TrainedTokenizer
    from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
    from maskpolicy.models.bart import create_bart
    from maskpolicy.models.bert import create_encoder
    from maskpolicy.models.checkpoints import save_model
    from maskpolicy.policies import specs
    from maskpolicy.policies.masking import ShardMasks, mask_shard
    from maskpolicy.sources import factbook

    documents, vocabulary = folder / "documents", folder / "tokenizer"
    write_documents(factbook.Documents(source="factbook", passages="facts").documents(), documents)
    spec = TrainedTokenizer(train_on=("factbook",), vocabulary_size=4000, lowercase=True)
    train_tokenizer([documents], spec, vocabulary)
    shard, annotations = folder / "shard.arrow", folder / "annotations.arrow"
    shard_corpus(documents, vocabulary, shard, sequence_length=24, rows_of="sentences")
    annotate_shard(shard, documents, vocabulary, annotations, state=folder / "state")
    policies = {
        ENTITY: specs.Ssm(kind="ssm"),
        INFILL: specs.OrigInfill(kind="orig-infill"),
        TOKENS: specs.RandomTokens(kind="rand"),
    }
    for name, policy in policies.items():
        manifest = folder / name / "manifest.json"
        masks = ShardMasks(shard, "factbook", name, 0, range(EPOCHS), manifest)
        mask_shard(masks, policy, annotations=annotations)
    tokenizer = load_tokenizer(vocabulary)
    bart = BartArchitecture(
        d_model=128,
        encoder_layers=2,
        decoder_layers=1,
        attention_heads=4,
        ffn_dim=512,
        init_std=0.06,
        max_positions=256,
    )
    bert = EncoderArchitecture(  # Turc et al. 2019; without dropout, so that losses compare
        hidden_size=256, layers=4, attention_heads=4, ffn_dim=1024, dropout=0.0
    )
    save_model(create_bart(bart, tokenizer, 0), tokenizer, folder / "bart-mini")
    save_model(create_encoder(bert, tokenizer, 0), tokenizer, folder / "bert-mini")


def cpu_rows(case: Case, folder: Path) -> list[Row]:
    """Source tokens a CPU second, and starts a CPU second, on both sides."""
    found: dict[Side, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows both
        for side in SIDES:
            found[side].append(in_process(case.what, side, folder))
    ours, peer = (found[side][0]["losses"] for side in SIDES)
    apart = float(np.abs(np.array(ours) - np.array(peer)).max())
    assert apart < 0.02, f"{case.what}: the losses are up to {apart} apart"
    rows = [Row(f"{case.what}: losses at most apart", apart, "nats")]
    for unit, speed in (("source tokens/s", "speed"), ("starts/s", "starts")):
        values = {side: median(run[speed] for run in found[side]) for side in SIDES}
        peer_row = Row(f"{case.what}: {SIDES[1]}", values[SIDES[1]], unit)
        rows += [
            peer_row,
            Row(f"{case.what}: {SIDES[0]}", values[SIDES[0]], unit).against(peer_row),
        ]
    return rows


def make_gpu_data(folder: Path, sizes: Sizes) -> None:
    """Random tokens in rows of one length, masks of their kind, and a model with random weights."""
    import tokenizers

    from maskpolicy.corpora.tokenizer import Tokenizer, write_tokenizer
    from maskpolicy.models.checkpoints import save_model

    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary += [f"token-{i}" for i in range(5, sizes.vocabulary)]
    words = {word: i for i, word in enumerate(vocabulary)}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer = Tokenizer(backend, bos=0, pad=1, eos=2, unk=3, mask=4)
    (folder / "tokenizer").mkdir(parents=True)
    write_tokenizer(tokenizer, folder / "tokenizer")
    random = np.random.default_rng(0)
    shape = sizes.rows, sizes.row
    shard = folder / "shard.arrow"
    tokens = TokenBatch.from_lists(random.integers(5, sizes.vocabulary, shape).tolist()).tokens
    with write_batches(shard, tokens.schema) as writer:
        writer.write_batch(tokens)
    position = np.arange(sizes.row)
    for epoch in range(EPOCHS):
        first = random.integers(sizes.row - 5, size=(sizes.rows, 1))
        span = random.integers(1, 6, size=(sizes.rows, 1))
        entity = (position >= first) & (position < first + span)
        spans = np.repeat(random.random((sizes.rows, -(-sizes.row // 3))) < 0.3, 3, axis=1)
        masks = {ENTITY: entity, INFILL: spans[:, : sizes.row], TOKENS: random.random(shape) < 0.15}
        for name, mask in masks.items():
            mask[:, 0] |= ~mask.any(1)  # no row without an example
            file = decision_file(folder / name, epoch, shard)
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_decisions(file, False) as writer:
                writer.write_batch(packed(Decisions(mask.flatten())))
    if isinstance(sizes.model, BartArchitecture):
        from maskpolicy.models.bart import create_bart

        save_model(create_bart(sizes.model, tokenizer, 0), tokenizer, folder / "bart-base")
    else:
        from maskpolicy.models.bert import create_encoder

        save_model(create_encoder(sizes.model, tokenizer, 0), tokenizer, folder / "bert-base")


def gpu_rows(case: Case, folder: Path, machine: str) -> list[Row]:
    """Source tokens a second on both sides, and their MFU where the GPU's peak is known."""
    peak = next((flops for name, flops in PEAKS.items() if name in machine), None)
    found = {side: in_process(case.what, side, folder) for side in SIDES}
    what = f"{case.what}, {machine}"
    peer_row = Row(f"{what}: {SIDES[1]}", found[SIDES[1]]["speed"], "source tokens/s")
    row = Row(f"{what}: {SIDES[0]}", found[SIDES[0]]["speed"], "source tokens/s")
    rows = [peer_row, row.against(peer_row)]
    if peak is not None:
        rows += [Row(f"{what}: {side}", found[side]["flops"] / peak, "MFU") for side in SIDES]
    return rows


def flops_of(batch: Batch, config: Any) -> float:
    """Of the products with weights, forward and backward, padding aside."""
    padding = config.pad_token_id
    source, labels = int((batch.source != padding).sum()), batch.predicted(padding)
    d, head = config.hidden_size, labels * config.hidden_size * config.vocab_size
    if isinstance(batch, InPlaceBatch):
        return 6.0 * (source * config.num_hidden_layers * 12 * d * d + labels * d * d + head)
    # Keys and values of the cross-attention are of the source.
    of_source = config.encoder_layers * 12 + config.decoder_layers * 2
    return 6.0 * (source * of_source * d * d + labels * config.decoder_layers * 14 * d * d + head)


def in_process(what: str, side: Side, folder: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if side != SIDES[0]:
        paths = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(PEER_PACKAGES)]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    command = [sys.executable, __file__, "measure", what, side, str(folder)]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def measure(what: str, side: Side, folder: Path) -> dict[str, Any]:
    """Tokens and FLOP a second, starts a second, and the loss of each step, of one side."""
    case = next(case for case in CPU_CASES + GPU_CASES if case.what == what)
    if case in CPU_CASES:
        torch.set_num_threads(1)
    corpus = masked_corpus(case, folder)
    clock = Clock(case, process_time if case in CPU_CASES else synchronised)
    losses, model = (train_here if side == SIDES[0] else train_there)(case, corpus, folder, clock)
    batches = MaskedBatches(corpus, copies=1, max_length=10_000, batch_size=case.batch_size)
    timed = list(islice(batches.from_step(case.warm), case.steps - case.warm))
    padding = model.config.pad_token_id
    tokens = sum(int((batch.source != padding).sum()) for batch in timed)
    return {
        "speed": tokens / clock.seconds,
        "flops": sum(flops_of(batch, model.config) for batch in timed) / clock.seconds,
        "starts": 1 / clock.start,
        "losses": losses,
    }


def synchronised() -> float:
    """The time, after all that a GPU was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()


def masked_corpus(case: Case, folder: Path) -> MaskedCorpus:
    """The corpus of a case."""
    shard = folder / "shard.arrow"
    masks = [[decision_file(folder / case.masks, epoch, shard)] for epoch in range(EPOCHS)]
    return MaskedCorpus([shard], masks, OBJECTIVES[case.masks], folder / "tokenizer", seed=0)


class Clock:
    """The time of a process at the first step, and between two later ones."""

    def __init__(self, case: Case, now: Callable[[], float]) -> None:
        self.case, self.now = case, now
        self.start = self._from = self.seconds = 0.0

    def after(self, done: int) -> None:
        """To be told after each step."""
        if done == 1:
            self.start = self.now()
        if done == self.case.warm:
            self._from = self.now()
        if done == self.case.steps:
            self.seconds = self.now() - self._from


def optimisation_of(case: Case) -> Optimisation:
    """That of both sides."""
    return Optimisation(
        steps=case.steps + 1, batch_size=case.batch_size, warmup=0.1, weight_decay=0.01
    )


RATE = 1e-3


class Timed(BatchLearner):
    """Tells the clock of each step."""

    clock: Clock

    def take(self, step: int) -> str:
        """A step, then the clock."""
        shown = super().take(step)
        self.clock.after(step + 1)
        return shown


def train_here(
    case: Case, corpus: MaskedCorpus, folder: Path, clock: Clock
) -> tuple[list[float], PreTrainedModel]:
    """As `pretrain_natively` trains: the losses, and the model."""
    family = families.of_checkpoint(folder / case.model)
    model = family.load(folder / case.model)
    batches = MaskedBatches(
        corpus, copies=1, max_length=family.longest_input(model), batch_size=case.batch_size
    )
    if choose_device().type == "cuda":
        compile_body(model)
    learner = Timed(
        case.what,
        model,
        batches.from_step,
        optimisation=optimisation_of(case),
        learning_rate=RATE,
        seed=0,
        step_loss=family.pretraining_loss,
        examples_at_once=case.examples_at_once,
    )
    learner.clock = clock
    fit(learner)
    return learner.losses, model


def train_there(
    case: Case, corpus: MaskedCorpus, folder: Path, clock: Clock
) -> tuple[list[float], PreTrainedModel]:
    """The same with Trainer, which reads pairs and collates them."""
    from transformers import (
        AutoModelForMaskedLM,
        AutoModelForSeq2SeqLM,
        DataCollatorForSeq2Seq,
        PreTrainedTokenizerFast,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    auto = AutoModelForMaskedLM if corpus.in_place else AutoModelForSeq2SeqLM
    model = auto.from_pretrained(folder / case.model)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / case.model)
    examples, order = rendered_examples(case, corpus, tokenizer.pad_token_id)
    settings, at_once = optimisation_of(case), case.examples_at_once or case.batch_size
    losses: list[torch.Tensor] = []

    class Told(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            clock.after(state.global_step)

    class Peer(Trainer):
        def get_train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(
                examples, batch_sampler=order, collate_fn=self.data_collator
            )

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().compute_loss(*args, **kwargs)
            losses.append(loss.detach())
            return loss

    optimiser = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=settings.betas, weight_decay=0.01, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_at(step, settings, RATE) / RATE
    )
    Peer(
        model,
        TrainingArguments(
            str(folder / "trainer"),
            max_steps=settings.steps,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=case.batch_size // at_once,
            bf16=torch.cuda.is_available(),
            max_grad_norm=settings.clip_norm,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
        ),
        data_collator=DataCollatorForSeq2Seq(
            tokenizer, model=None if corpus.in_place else model, label_pad_token_id=-100
        ),
        train_dataset=examples,
        optimizers=(optimiser, schedule),
        callbacks=[Told()],
    ).train()
    return torch.stack(losses).tolist(), model


Example = dict[str, Sequence[int]]


def rendered_examples(
    case: Case, corpus: MaskedCorpus, padding: int
) -> tuple[list[Example], list[list[int]]]:
    """The pairs of all steps, one after the other, and which of them each part of a batch
    holds.
    """
    batches = MaskedBatches(corpus, copies=1, max_length=10_000, batch_size=case.batch_size)
    examples: list[Example] = []
    order = []
    for batch in islice(batches, case.steps + 1):
        first = len(examples)
        for source, target in zip(batch.source.numpy(), batch.target.numpy(), strict=True):
            size = int((source != padding).sum())
            labels = target[:size] if corpus.in_place else target[target != padding]
            examples.append({"input_ids": source[:size].tolist(), "labels": labels.tolist()})
        some = list(range(first, len(examples)))
        at_once = case.examples_at_once or len(some)
        order += [some[i : i + at_once] for i in range(0, len(some), at_once)]
    return examples, order


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3], Path(sys.argv[4]))))
    else:
        main(*sys.argv[1:])
