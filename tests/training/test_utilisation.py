"""What a step costs, beside what torch counts, and what of a GPU's peak that is."""

from itertools import repeat

import pytest
import torch
from support.training import train
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import masked_lm_loss, sequence_loss
from maskpolicy.training.specs import Optimisation
from maskpolicy.training.step_log import LOG_NAME, StepLog
from maskpolicy.training.utilisation import StepCost, Utilisation, peak_of

PADDING = 1


def ids(rows, width):
    return torch.arange(rows * width).reshape(rows, width) % 30 + 5


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("NVIDIA A1000", None),
        ("Tesla V100-SXM2-16GB", None),
    ],
)
def test_a_peak_is_known_by_a_part_of_the_name(name, peak):
    assert peak_of(name) == peak


def counted(model, run):
    """FLOPs of a step as torch counts them, forward and backward, attention by its matrices."""
    model.train()
    with FlopCounterMode(display=False) as counter:
        run().backward()
    return counter.get_total_flops()


def test_a_step_costs_what_torch_counts(make_tiny_bart):
    model = make_tiny_bart(d_model=64, encoder_ffn_dim=128, decoder_ffn_dim=128)
    model.set_attn_implementation("eager")
    batch = Batch(ids(4, 20), ids(4, 12))
    told = counted(model, lambda: sequence_loss(model, batch, 0.0))
    cost = StepCost.of(model)
    # Torch counts the half of the decoder's attention that is masked, and there is no gradient of
    # what the encoder looks up.
    masked = 6 * cost.decoder_attention * 4 * 12**2
    assert cost.flops(batch, PADDING).item() + masked == pytest.approx(told, rel=0.02)


def test_a_masked_lm_costs_what_torch_counts(make_tiny_bert):
    model = make_tiny_bert(hidden_size=64, intermediate_size=128, pad_token_id=PADDING)
    model.set_attn_implementation("eager")
    labels = torch.full((4, 20), IGNORED)
    labels[:, 3:6] = 7
    batch = InPlaceBatch(ids(4, 20), labels)
    told = counted(model, lambda: masked_lm_loss(model, batch, 0.0))
    assert StepCost.of(model).flops(batch, PADDING).item() == pytest.approx(told, rel=0.02)


def test_padding_costs_nothing(tiny_bart):
    cost = StepCost.of(tiny_bart)
    batch = Batch(ids(2, 8), ids(2, 6))
    wider = Batch(
        *(torch.nn.functional.pad(x, (0, 5), value=PADDING) for x in (batch.source, batch.target))
    )
    assert cost.flops(wider, PADDING) == cost.flops(batch, PADDING) > 0


def test_bart_base_and_t5_base_cost_what_their_sizes_say():
    """Of a source token with a whole target, 826 MFLOP without attention."""
    with torch.device("meta"):
        sizes = {"d_model": 768, "encoder_layers": 6, "decoder_layers": 6}
        ffn = {"encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072}
        bart = StepCost.of(BartForConditionalGeneration(BartConfig(**sizes, **ffn)))
        t5 = StepCost.of(
            T5ForConditionalGeneration(
                T5Config(d_model=768, d_ff=3072, num_layers=12, num_heads=12)
            )
        )
    layer, cross = 12 * 768**2, 2 * 768**2
    assert bart.source == 6 * (layer + cross) and bart.target == 6 * (layer + cross)
    assert 6 * (bart.source + bart.target + bart.prediction) == pytest.approx(826e6, rel=0.002)
    assert bart.encoder_attention == bart.decoder_attention == 6 * 768
    assert t5.source == 12 * (layer + cross) and t5.target == 12 * (layer + cross)
    assert t5.prediction == 768 * 32128


def test_a_log_has_it_on_a_gpu_that_is_known(make_tiny_bart, tmp_path, monkeypatch):
    batch = Batch(ids(4, 20), ids(4, 12))
    cost = StepCost.of(make_tiny_bart()).flops(batch, PADDING).item()
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 80GB HBM3")
    of = Utilisation.of.__func__
    monkeypatch.setattr(
        Utilisation, "of", classmethod(lambda cls, model, _: of(cls, model, torch.device("cuda")))
    )
    log = StepLog(tmp_path / LOG_NAME)
    optimisation = Optimisation(steps=20, batch_size=4)
    train(
        make_tiny_bart(),
        repeat(batch),
        optimisation,
        learning_rate=1e-3,
        step_loss=sequence_loss,
        log=log,
    )
    assert '"mfu": ' in log.path.read_text()
    found = Utilisation(StepCost.of(make_tiny_bart()), peak=cost)
    for _ in range(3):
        found.add(batch, PADDING)
    assert found.over(6.0) == {"mfu": 0.5} and found.over(6.0) == {}


def test_no_other_device_is_measured(tiny_bart, monkeypatch):
    assert Utilisation.of(tiny_bart, torch.device("cpu")) is None
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla V100-SXM2-16GB")
    assert Utilisation.of(tiny_bart, torch.device("cuda")) is None
