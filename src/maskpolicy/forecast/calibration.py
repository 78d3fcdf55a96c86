"""How fast this machine is: short real runs of what a forecast multiplies work with."""

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from transformers import BartConfig, BartForConditionalGeneration

from maskpolicy.corpora.annotation import annotate_shard
from maskpolicy.corpora.fetching import fetch_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.statistics.registry import count_statistics
from maskpolicy.corpora.tokenizer import train_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.forecast.models import ModelSize, encoder_decoder
from maskpolicy.forecast.networks import Batch
from maskpolicy.forecast.rates import USUAL_RATES, DeviceRates, Rates
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.policies.specs import OrigInfill
from maskpolicy.sources.own.documents import Documents

SECONDS = 2.0
"""For which a measurement is repeated, after one that doesn't count."""

SENTENCES = 20_000
"""Of invented text, of some ten words each."""

ANNOTATED = 500
"""Of them, those that spaCy reads."""

EPOCHS = 20

SMALL = (256, 2, 2, 1024, 4000)  # hidden size, layers, width and vocabulary
BASE = (768, 6, 6, 3072, 50265)

LITTLE, MUCH = Batch(1, 8, 4, 4), Batch(32, 64, 16, 16)


def calibrate(output: Path) -> None:
    """Measure :class:`Rates` and write them. What can't be measured stays as it usually is."""
    usual = USUAL_RATES
    start = _seconds_of("maskpolicy.cli")
    # Before networks are, whose threads would share the cores.
    with redirect_stderr(io.StringIO()):  # the progress of stages
        texts = _rates_of_texts()
    cpu = _device_rates(torch.device("cpu"), SMALL, usual.cpu)
    gpu = usual.gpu
    if torch.cuda.is_available():
        gpu = _device_rates(torch.device("cuda"), BASE, usual.gpu)
    compiled = _seconds_of("maskpolicy.policies.random_units", "maskpolicy.policies.masking")
    Rates(
        cpu=cpu, gpu=gpu, start=start, start_compiled=compiled, example=usual.example, **texts
    ).write(output)


def _seconds_of(*modules: str) -> float:
    """How long a process takes that imports modules and ends."""
    started = perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return perf_counter() - started


# --- networks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bench:
    """A model in training on a device."""

    model: BartForConditionalGeneration
    size: ModelSize
    optimiser: torch.optim.Optimizer
    device: torch.device

    def inputs(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Random tokens, none of them special."""
        shapes = {"input_ids": round(batch.source), "labels": round(batch.target)}
        return {
            name: torch.randint(4, self.size.vocabulary, (batch.rows, length), device=self.device)
            for name, length in shapes.items()
        }

    def loss(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """In bfloat16 on a GPU, as trainings are."""
        with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda"):
            return self.model(**inputs).loss

    def seconds(self, what: Callable[[], object]) -> float:
        """The shortest time of some."""
        what()
        best, end = float("inf"), perf_counter() + SECONDS
        while perf_counter() < end:
            self._wait()
            started = perf_counter()
            what()
            self._wait()
            best = min(best, perf_counter() - started)
        return best

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _device_rates(
    device: torch.device, sizes: tuple[int, int, int, int, int], usual: DeviceRates
) -> DeviceRates:
    hidden, encoder_layers, decoder_layers, ffn, vocabulary = sizes
    torch.set_num_threads(1)  # a core is what a job gets
    config = BartConfig(
        vocab_size=vocabulary,
        d_model=hidden,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        encoder_attention_heads=hidden // 64,
        decoder_attention_heads=hidden // 64,
        encoder_ffn_dim=ffn,
        decoder_ffn_dim=ffn,
        max_position_embeddings=128,
    )
    model = BartForConditionalGeneration(config)
    torch.nn.Module.to(model, device)
    bench = _Bench(model, encoder_decoder(*sizes), torch.optim.AdamW(model.parameters()), device)
    little, much = bench.inputs(LITTLE), bench.inputs(MUCH)

    def forward() -> None:
        with torch.inference_mode():
            bench.loss(much)

    a_little = bench.seconds(lambda: bench.loss(little).backward())
    a_lot = bench.seconds(lambda: bench.loss(much).backward())
    work = MUCH.work(bench.size)
    # A step of little is what its layers take whatever is in them: forward, backward, and AdamW.
    return DeviceRates(
        name=f"{_name(device)}, as measured",
        training=work / max(a_lot - a_little, 0.5 * a_lot),
        inference=work / bench.seconds(forward),
        update=bench.size.weights / bench.seconds(bench.optimiser.step),
        layer=a_little / (3 * bench.size.layers),
        start=_seconds_of("torch", "maskpolicy.training.finetune", "transformers.models.bart"),
        memory=usual.memory,
        bytes=usual.bytes,
        watts=usual.watts,
    )


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"a core of {models[0] if models else 'this machine'}, float32"


# --- texts ----------------------------------------------------------------------------------------


def _rates_of_texts() -> dict[str, float]:
    """What is done to documents, on invented ones."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        large, tokenizer = _cut(folder / "large", SENTENCES)
        small, _ = _cut(folder / "small", ANNOTATED, tokenizer)
        rates = {
            "fetching": large.bytes / large.fetching,
            "sharding": large.tokens / large.sharding,
            "annotation": USUAL_RATES.annotation,
        }

        def mask(epochs: int) -> float:
            masks = ShardMasks(
                large.shard, "c", "p", 0, range(epochs), manifest=folder / f"{epochs}.json"
            )
            return _timed(lambda: mask_shard(masks, spec))

        spec = OrigInfill(kind="orig-infill", rate=0.3)
        mask(1)
        rates["masking"] = EPOCHS * large.tokens / mask(EPOCHS)
        counts = folder / "counts.arrow"

        def count(shard: Path) -> float:
            return _timed(lambda: count_statistics("collocations", [shard], counts))

        count(small.shard)
        rates["counting"] = large.tokens / count(large.shard)
        annotations = folder / "annotations.arrow"

        def annotate(cut: "_Cut") -> float:
            return _timed(
                lambda: annotate_shard(
                    cut.shard, cut.documents, tokenizer, annotations, state=folder / "state"
                )
            )

        with suppress(InputError):  # no model of spaCy, which many studies do without
            annotate(small)
            rates["annotation"] = small.tokens / annotate(small)
        return rates


@dataclass(frozen=True)
class _Cut:
    """Documents that were fetched and cut, and the seconds that it took."""

    documents: Path
    shard: Path
    bytes: int
    tokens: int
    fetching: float
    sharding: float


def _cut(folder: Path, sentences: int, tokenizer: Path | None = None) -> tuple[_Cut, Path]:
    folder.mkdir()
    texts, documents, shard = folder / "texts.jsonl", folder / "documents", folder / "shard.arrow"
    texts.write_text("".join(_invented(sentences)), encoding="utf-8")
    source = Documents(source="own-documents", path=str(texts), text_field="text")
    fetching = _timed(lambda: fetch_documents(source, documents))
    if tokenizer is None:
        tokenizer = folder / "tokenizer"
        spec = TrainedTokenizer(train_on=("c",), vocabulary_size=1000)
        train_tokenizer([documents], spec, tokenizer)

    def cut() -> None:
        shard_corpus(
            documents,
            tokenizer,
            shard,
            sequence_length=128,
            shard=0,
            shards=1,
            rows_of="passages",
        )

    cut()  # what it calls is compiled then
    sharding = _timed(cut)
    tokens = json.loads(shard.with_suffix(".json").read_text())["tokens"]
    return _Cut(documents, shard, texts.stat().st_size, tokens, fetching, sharding), tokenizer


def _invented(sentences: int) -> list[str]:
    """Lines of JSON, each a document of ten sentences."""
    drawn = random.Random(0)
    syllables = ["ba", "ko", "ri", "ma", "lu", "ne", "ta", "si", "do", "ve"]
    words = ["".join(drawn.choices(syllables, k=drawn.randint(1, 4))) for _ in range(3000)]
    lines = []
    for _ in range(max(1, sentences // 10)):
        of_document = [" ".join(drawn.choices(words, k=10)).capitalize() for _ in range(10)]
        lines.append(json.dumps({"text": ". ".join(of_document) + "."}) + "\n")
    return lines


def _timed(what: Callable[[], object]) -> float:
    started = perf_counter()
    what()
    return perf_counter() - started
