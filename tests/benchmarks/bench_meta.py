"""Seconds and peak memory of a meta step: the plain loop of `higher`, and each engine here.

Everything is measured in one run, each variant in processes of its own with one thread, on the same
model (BART, d = 256, 3 + 3 layers, vocabulary 8192), policy network and batch of 8, with the same
gradient of the policy's parameters. A time is that of the processor, the best of several steps.
Memory is the peak of the resident set above what it was before the step; the allocator is told to
return what is freed at once, so that the peak is that of live tensors. Multiplications are counted
while a step runs. What they come to, in forward passes over contexts (c) and fine-tuning batches
(f):

| variant           | multiplications                                                           |
|-------------------|---------------------------------------------------------------------------|
| plain loop        | 9c (a gradient, 3, that is differentiated again) + 9f + 3f                |
| exact             | 3c + 6c (forward over reverse, by decisions only) + 9f + 3f + 1f (layers  |
|                   | recomputed, for memory), and one more pass over the labels' logits        |
| finite-difference | 3c + 2c + 2c (by decisions only) + 3f + 3f + 3f                           |

So `exact` computes as much as the plain loop, and a little more: it can't be much faster, only
smaller. Finite differences hold at their peak either the graph of one pass over contexts and two
copies of theta (theta' and the point where the gradient is taken), or the graph of one fine-tuning
pass and five copies: that does not shrink with source and target, as the plain loop's memory does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import higher
import numpy as np
import torch
from support.benchmark_report import Row, report
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import BartConfig, BartForConditionalGeneration

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.learning.meta.hypergradient import InnerLoop, meta_gradient
from maskpolicy.learning.meta.inner_loss import InnerLoss
from maskpolicy.models.batches import Batch
from maskpolicy.policies.meta.network import MaskingNetwork, gumbel_decisions
from maskpolicy.policies.meta.policy import MetaLearned
from maskpolicy.policies.meta.postprocessing import mask_whole_words
from maskpolicy.policies.specs import MetaLearned as MetaSpec
from maskpolicy.policies.token_network import save_network

VOCABULARY, WIDTH, LAYERS, BATCH = 8192, 256, 3, 8
RATE = 1e-2
ROUNDS, STEPS = 2, 3

SHAPES = {  # tokens of context, source and target
    "context, source and target 128": (128, 128, 128),
    "context 128, source 32, target 16": (128, 32, 16),
}
PLAIN = "higher, plain loop"
VARIANTS = {
    "one training step": None,
    PLAIN: None,
    "engine higher": {"engine": "higher"},
    "engine exact": {"engine": "exact"},
    "engine finite-difference": {"engine": "finite-difference"},
    "finite-difference, checkpointing": {"engine": "finite-difference", "checkpointing": True},
    "finite-difference, bfloat16": {"engine": "finite-difference", "precision": "bfloat16"},
    "finite-difference, first order": {"engine": "finite-difference", "first_order": True},
}


def main() -> None:
    """Measure every variant on every shape and report."""
    rows: list[Row] = []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for shape in SHAPES:
            rows += step_rows(shape, folder)
        rows += deployment_rows(folder)
    notes = [
        f"BART with d = {WIDTH}, {LAYERS} + {LAYERS} layers and {VOCABULARY} tokens, batch {BATCH},"
        " one thread, float32.",
        "cosine: of the gradient of the policy's parameters with that of the plain loop.",
        "10^9: multiplications in matrix products; the benchmark's docstring says what they are.",
        f"A copy of theta takes {make_model().num_parameters() * 4 / 2**20:.1f} MiB.",
    ]
    report("meta", "One meta step, and masking with what is learned", rows, notes)


def step_rows(shape: str, folder: Path) -> list[Row]:
    """Time, memory and agreement of each variant on one shape."""
    seconds: dict[str, float] = dict.fromkeys(VARIANTS, np.inf)
    memory, multiplications, gradients = {}, {}, {}
    for variant in VARIANTS:
        found = in_process(variant, shape, "memory", folder)
        memory[variant] = found["MiB"]
        multiplications[variant] = found["10^9"]
        if "gradient" in found:
            gradients[variant] = np.load(found["gradient"])
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows all of them
        for variant in VARIANTS:
            found = in_process(variant, shape, "time", folder)
            seconds[variant] = min(seconds[variant], found["seconds"])
    rows = []
    for unit, values in (("s", seconds), ("10^9", multiplications), ("MiB", memory)):
        measured = {v: Row(f"{shape}: {v}", value, unit) for v, value in values.items()}
        peer = measured[PLAIN]
        rows += [row if row is peer else row.against(peer) for row in measured.values()]
    plain = gradients[PLAIN]
    for variant, gradient in gradients.items():
        if variant != PLAIN:
            cosine = gradient @ plain / np.linalg.norm(gradient) / np.linalg.norm(plain)
            rows.append(Row(f"{shape}: {variant}", float(cosine), "cosine"))
    return rows


def in_process(variant: str, shape: str, quantity: str, folder: Path) -> dict:
    """Measure in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if quantity == "memory":
        environment["MALLOC_MMAP_THRESHOLD_"] = str(1 << 16)
    command = [sys.executable, __file__, variant, shape, quantity, str(folder)]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


def measure(variant: str, shape: str, quantity: str, folder: Path) -> dict:
    """One variant's seconds, or its memory, multiplications and the file of its gradient."""
    torch.set_num_threads(1)
    step = make_step(variant, shape)
    if quantity == "time":
        step()
        times = []
        for _ in range(STEPS):
            started = process_time()
            step()
            times.append(process_time() - started)
        return {"seconds": min(times)}
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    gradient = step()
    found: dict = {"MiB": resident("VmHWM") - before, "10^9": count_multiplications(step) / 1e9}
    if gradient is not None:
        file = folder / f"{len(list(folder.iterdir()))}.npy"
        np.save(file, gradient)
        found["gradient"] = str(file)
    return found


def count_multiplications(step: Callable[[], object]) -> float:
    """Multiplications in the matrix products of a step."""

    def of_product(_: list[int], left: list[int], right: list[int], **__: object) -> int:
        return 2 * left[0] * left[1] * right[1]

    in_place = {torch.ops.aten.addmm_: of_product}  # which the counter does not know
    # Nor does it know fused attention on CPUs.
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        sdpa_kernel(SDPBackend.MATH)(step)()
    return counter.get_total_flops() / 2  # a multiplication and an addition are two


def resident(field: str) -> float:
    """The resident set of this process, now (VmRSS) or at its peak (VmHWM), in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


def make_model() -> BartForConditionalGeneration:
    """The model of all variants, always with the same weights."""
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=VOCABULARY,
        d_model=WIDTH,
        encoder_layers=LAYERS,
        decoder_layers=LAYERS,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=4 * WIDTH,
        decoder_ffn_dim=4 * WIDTH,
        max_position_embeddings=256,
        dropout=0.0,
        init_std=0.06,
    )
    return BartForConditionalGeneration(config)


def make_step(variant: str, shape: str) -> Callable[[], np.ndarray | None]:
    """The step to measure; it returns the gradient of the policy's parameters, float32 [P]."""
    model = make_model()
    network = MaskingNetwork(VOCABULARY, WIDTH)
    context, source, target = (torch.randint(5, VOCABULARY, (BATCH, n)) for n in SHAPES[shape])
    noise = torch.randn(BATCH, SHAPES[shape][0])
    mask = torch.tensor([[4]])

    def decide() -> torch.Tensor:
        logits = network(context, torch.full((BATCH,), context.shape[1]))
        return gumbel_decisions(logits[..., 1] - logits[..., 0], noise, 1.0, True)

    def of_policy() -> np.ndarray:
        gradients = [p.grad.flatten() for p in network.parameters()]
        network.zero_grad()
        return torch.cat(gradients).numpy()

    def training_step() -> None:
        model(input_ids=context, labels=context).loss.backward()
        model.zero_grad()

    def plain_loop() -> np.ndarray:
        """As the README of `higher` shows: everything in one graph, one backward pass."""
        inner = torch.optim.SGD(model.parameters(), lr=RATE)
        with higher.innerloop_ctx(model, inner) as (learner, optimiser):
            embeddings = learner.get_input_embeddings()
            seen = embeddings(context)
            seen = seen + decide()[..., None] * (embeddings(mask) - seen)
            optimiser.step(learner(inputs_embeds=seen, labels=context).loss)
            before = learner(input_ids=source, labels=target).loss
            optimiser.step(before)
            after = learner(input_ids=source, labels=target).loss
            (after - before).backward()
        return of_policy()

    def engine_step() -> np.ndarray:
        decisions = decide()
        result = meta_gradient(
            inner_loss,
            Batch(context, context),
            Batch(source, target),
            decisions.detach()[None],
            inner,
        )
        (decisions * result.decisions[0]).sum().backward()
        return of_policy()

    if variant == "one training step":
        return training_step
    if variant == PLAIN:
        # Fused attention has no second derivatives; the README's loop would stop with an error.
        return sdpa_kernel(SDPBackend.MATH)(plain_loop)
    inner_loss = InnerLoss(model, mask.item())
    inner = InnerLoop(RATE, RATE, **VARIANTS[variant])
    return engine_step


def deployment_rows(folder: Path) -> list[Row]:
    """Tokens a second of masking rows of 128 tokens with a network of BART-base's dimensions."""
    torch.set_num_threads(1)
    (folder / "network").mkdir()
    torch.manual_seed(0)
    save_network(MaskingNetwork(50265, 768), folder / "network")
    policy = MetaLearned(MetaSpec(kind="meta", network="network"), folder / "network")
    random = np.random.default_rng(0)
    rows = random.integers(5, 50265, (512, 128)).tolist()
    words = [[bool(x) for x in random.random(128) < 0.75] for _ in rows]
    batch = TokenBatch.from_lists(rows, word_start=words)
    tokens, mask = len(batch.input_ids), random.random(len(batch.input_ids)) < 0.15

    def speed(act: Callable[[], object]) -> float:
        act()
        started = perf_counter()
        act()
        return tokens / (perf_counter() - started)

    parts = {
        "network": lambda: policy._ask(batch),
        "decisions of another epoch": lambda: policy.decide(batch, Address(0, "corpus", "meta", 1)),
        "post-processing alone": lambda: mask_whole_words(
            np.uint64(0), batch.rows, batch.offsets, batch.word_start, mask.copy()
        ),
    }
    return [
        Row(f"masking, BART-base's dimensions: {what}", speed(act), "tokens/s")
        for what, act in parts.items()
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*sys.argv[1:4], Path(sys.argv[4]))))
    else:
        main()
