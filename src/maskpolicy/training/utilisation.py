"""Model FLOPs utilisation: what of a GPU's peak a training uses (Chowdhery et al. 2022, B)."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import torch
from transformers import PreTrainedModel

from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.labels import IGNORED

PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A40": 150e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
"""Part of a device's name -> dense bfloat16 FLOP/s with float32 sums, of NVIDIA's data sheets."""


def peak_of(device_name: str) -> float | None:
    """The peak of a device by its name, of which the longest known part counts; None of others."""
    words = f" {device_name.replace('-', ' ')} "
    known = [part for part in PEAKS if f" {part} " in words]
    return PEAKS[max(known, key=len)] if known else None


_PROJECTS_THE_SOURCE = re.compile(r"(encoder_attn|EncDecAttention)\.(k|v)(_proj)?$")
"""Names of a decoder's matrices that are applied to each token of the source: of BART, T5, …"""


@dataclass(frozen=True)
class StepCost:
    """What a step of a model costs, forward and backward: 6 FLOPs for each weight of a matrix and
    token that it is applied to, and 12 for each hidden unit, layer and pair of tokens that
    attention compares, of which a decoder that only looks back has half. Lookups, norms, padding
    and what is computed twice count nothing.
    """

    source: int  # weights of matrices that are applied to each token of the source
    target: int  # likewise of the target
    prediction: int  # likewise to what is predicted of each token
    encoder_attention: int  # hidden units of all layers
    decoder_attention: int

    @classmethod
    def of(cls, model: PreTrainedModel) -> Self:
        """Of an encoder-decoder or an encoder of transformers."""
        config: Any = model.config
        matrices = {
            name: module.weight.numel()
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        parts = _parts(model)

        def within(part: torch.nn.Module | None) -> set[str]:
            inside = set() if part is None else set(map(id, part.modules()))
            return {name for name, module in model.named_modules() if id(module) in inside}

        of_encoder, of_decoder = map(within, parts)
        weights = Counter[str]()
        for name, size in matrices.items():
            if name in of_encoder or _PROJECTS_THE_SOURCE.search(name):
                weights["source"] += size
            else:
                weights["target" if name in of_decoder else "prediction"] += size
        layers = config.num_hidden_layers
        of_decoder_layers = getattr(config, "decoder_layers", None) or getattr(
            config, "num_decoder_layers", layers
        )
        return cls(
            source=weights["source"],
            target=weights["target"],
            prediction=weights["prediction"],
            encoder_attention=config.hidden_size * layers,
            decoder_attention=config.hidden_size * of_decoder_layers if parts[1] else 0,
        )

    def flops(self, batch: Batch, padding: int) -> torch.Tensor:
        """Of a step on a batch, a scalar of float64, by the tokens of its rows."""
        source = (batch.source != padding).sum(1).double()
        matrices = self.source * source.sum()
        pairs = self.encoder_attention * source.square().sum()
        if isinstance(batch, InPlaceBatch):
            matrices += self.prediction * (batch.target != IGNORED).sum()
        else:
            target = (batch.target != padding).sum(1).double()
            matrices += (self.target + self.prediction) * target.sum()
            pairs += self.decoder_attention * (target * (source + target / 2)).sum()
        return 6 * matrices + 12 * pairs


def _parts(model: PreTrainedModel) -> tuple[torch.nn.Module, torch.nn.Module | None]:
    """Encoder and decoder; what is in neither is applied to predictions alone."""
    if model.config.is_encoder_decoder:
        return model.get_encoder(), model.get_decoder()
    return model.base_model, None


class Utilisation:
    """The share of a GPU's peak that the steps since the last time have used."""

    def __init__(self, cost: StepCost, peak: float) -> None:
        self.cost, self.peak = cost, peak
        self._flops: list[torch.Tensor] = []

    @classmethod
    def of(cls, model: PreTrainedModel, device: torch.device) -> Self | None:
        """None where the device is no GPU whose peak is known."""
        if device.type != "cuda":
            return None
        peak = peak_of(torch.cuda.get_device_name(device))
        return None if peak is None else cls(StepCost.of(model), peak)

    def add(self, batch: Any, padding: int) -> None:
        """Count a step, which is not waited for; of batches of labelled inputs nothing is known."""
        if isinstance(batch, Batch):
            self._flops.append(self.cost.flops(batch, padding))

    def over(self, seconds: float) -> dict[str, float]:
        """The share, as it is logged, of steps that took so long; and begin anew."""
        flops, self._flops = self._flops, []
        return {"mfu": round(sum(map(float, flops)) / seconds / self.peak, 4)} if flops else {}
