"""The half of `make bench-train` that needs a GPU, rehearsed in small on the CPU."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import pytest

from maskpolicy.models.specs import BartArchitecture, EncoderArchitecture

BENCHMARK = Path(__file__).with_name("bench_train.py")
MODELS = {
    "length-128": BartArchitecture(
        d_model=16, encoder_layers=1, decoder_layers=1, attention_heads=2, ffn_dim=64
    ),
    "length-512": EncoderArchitecture(hidden_size=16, layers=1, attention_heads=2, ffn_dim=64),
}


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_train", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_case_of_a_gpu_measures_both_sides(bench, tmp_path, monkeypatch):
    cases = [
        replace(case, batch_size=8, examples_at_once=4, warm=2, steps=4) for case in bench.GPU_CASES
    ]
    monkeypatch.setattr(bench, "GPU_CASES", tuple(cases))
    monkeypatch.setattr(bench, "in_process", lambda *what: measured.setdefault(what, fake(*what)))
    measured = {}

    def fake(what, side, folder):
        if side == bench.SIDES[0] or importlib.util.find_spec("accelerate"):
            return bench.measure(what, side, folder)
        return {"speed": 1.0, "flops": 1.0}  # Trainer is installed by `make bench-train` only

    for name, sizes in bench.GPU_SIZES.items():
        small = replace(sizes, row=14, rows=64, vocabulary=50, model=MODELS[name])
        bench.make_gpu_data(tmp_path / name, small)
    for case in cases:
        rows = bench.gpu_rows(case, tmp_path / bench.GPU_FOLDERS[case.model], "NVIDIA H100 80GB")
        assert [row.unit for row in rows] == ["source tokens/s"] * 2 + ["MFU"] * 2
        assert all(math.isfinite(row.value) and row.value > 0 for row in rows)
        assert rows[1].ratio == rows[1].value / rows[0].value


def test_flops_are_those_of_a_bart_base(bench):
    """826 MFLOP a source token with as many labels, 297 and little more with few."""
    import torch
    from transformers import BartConfig

    from maskpolicy.models.batches import Batch

    config = BartConfig(d_model=768, encoder_layers=6, decoder_layers=6, vocab_size=50265)
    ids = torch.full((2, 128), 7)
    assert bench.flops_of(Batch(ids, ids), config) / 256 == pytest.approx(826e6, rel=0.01)
    assert bench.flops_of(Batch(ids, ids[:, :5]), config) / 256 == pytest.approx(318e6, rel=0.01)
