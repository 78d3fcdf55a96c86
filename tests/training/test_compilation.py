"""Compiled models: the same loss, and few graphs for all shapes of batches."""

import shutil

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_layers import GradientCheckpointingLayer

from maskpolicy.models.batches import Batch
from maskpolicy.models.losses import sequence_loss
from maskpolicy.training.compilation import compile_body, compile_layer
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.processes import ALONE
from maskpolicy.training.sharded import ShardedLearner
from maskpolicy.training.specs import Optimisation


def tiny_t5():
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=40,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        dropout_rate=0.0,
        pad_token_id=1,
        decoder_start_token_id=1,
    )
    return T5ForConditionalGeneration(config)


def batch_of(rows, source_width, target_width, *, padded):
    random = torch.Generator().manual_seed(source_width)
    source = torch.randint(5, 40, (rows, source_width), generator=random)
    target = torch.randint(5, 40, (rows, target_width), generator=random)
    if padded:
        source[0, 4:] = target[1, 3:] = 1
    return Batch(source, target)


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_batches_of_all_shapes_run_the_same_few_graphs(make_tiny_bart, kind):
    """Forward and backward, but for the compiler that makes kernels of them."""
    make = make_tiny_bart if kind == "bart" else tiny_t5
    plain, compiled = make(), make()
    names = [name for name, _ in compiled.named_parameters()]
    compile_body(compiled, "aot_eager")
    assert [name for name, _ in compiled.named_parameters()] == names
    shapes = [(4, 9, 6), (4, 12, 5), (3, 17, 8), (2, 30, 7), (4, 10, 9)]
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    graphs = []
    for shape in shapes:
        for padded in (False, True):
            batch = batch_of(*shape, padded=padded)
            losses = [sequence_loss(model, batch, 0.1) for model in (plain, compiled)]
            assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-5)
            for loss in losses:
                loss.backward()
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[0] > 0 and graphs[1:] == [graphs[1]] * 4 and graphs[-1] <= 8, graphs
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="kernels for a CPU are compiled by g++")
def test_kernels_compute_the_same_loss(make_tiny_bart):
    plain, compiled = make_tiny_bart(), make_tiny_bart()
    torch._dynamo.reset()
    compile_body(compiled)
    for width in (9, 14):
        batch = batch_of(3, width, 6, padded=True)
        losses = [sequence_loss(model, batch, 0.1) for model in (plain, compiled)]
        assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-5)
        for loss in losses:
            loss.backward()
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_layers_of_which_processes_keep_parts_run_the_same_few_graphs(
    make_tiny_bart, one_process_group
):
    """In training, with the hooks that put layers together around what is compiled."""
    plain, compiled = make_tiny_bart(), make_tiny_bart()
    layers = [m for m in compiled.modules() if isinstance(m, GradientCheckpointingLayer)]
    assert len(layers) == 2
    for layer in layers:
        compile_layer(layer, "aot_eager")
    shapes = [(4, 9, 6), (4, 12, 5), (3, 17, 8), (2, 30, 7)]
    batches = [batch_of(*shape, padded=padded) for shape in shapes for padded in (False, True)]
    graphs = []

    def from_step(step):
        for batch in batches:
            graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
            yield batch

    settings = {
        "optimisation": Optimisation(steps=len(batches), batch_size=4),
        "learning_rate": 0.01,
        "seed": 0,
        "step_loss": sequence_loss,
    }
    alone = BatchLearner("t", plain, lambda step: iter(batches), **settings)
    sharded = ShardedLearner(ALONE, "t", compiled, from_step, **settings)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    fit(alone)
    assert not torch._dynamo.utils.counters["stats"]["unique_graphs"]
    fit(sharded)
    assert sharded.losses == pytest.approx(alone.losses, rel=1e-4)
    assert graphs[1] > 0 and graphs[4:] == [graphs[4]] * 4 and graphs[-1] <= 12, graphs
