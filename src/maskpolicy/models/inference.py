"""Forward passes of an encoder over many sequences at once, in batches of similar length."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from scipy.special import softmax
from torch import nn
from transformers import PreTrainedModel

from maskpolicy.models.devices import choose_device
from maskpolicy.models.layout import EncoderInputs
from maskpolicy.models.segments import has_segments

BUILT_LIKE_BERT = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "electra"})
"""Types of models whose layers compute as BERT's, under the same names, and whose classifiers read
the first position.
"""

TOKENS_PER_FORWARD = {"cpu": 1024, "cuda": 65536}
"""Padded tokens of a forward pass: enough to keep the device busy, few enough for its caches."""


def model_arguments(
    model: PreTrainedModel, inputs: EncoderInputs
) -> dict[str, torch.Tensor | None]:
    """The arguments of the model's forward pass on its device: ids, attention mask, and segment ids
    where it has any.
    """
    positions = np.arange(inputs.ids.shape[1], dtype=np.int32)
    present = positions < inputs.lengths[:, None]
    arguments: dict[str, np.ndarray | None] = {
        "input_ids": inputs.ids.astype(np.int64),
        # Without padding there is nothing to hide, and attention without a mask is faster.
        "attention_mask": None if present.all() else present,
    }
    if has_segments(model):
        segments = (positions >= inputs.second[:, None]) & present
        arguments["token_type_ids"] = segments.astype(np.int64)
    return {
        name: None if values is None else torch.from_numpy(values).to(model.device)
        for name, values in arguments.items()
    }


class EncoderInference:
    """An encoder that reads: no gradients, no dropout, large batches of similar length.

    Results in single precision depend on what else is in the batch, in their last digits; `exact`
    is the same encoder in double precision, for the few sequences where those digits decide.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        model.to(choose_device())  # type: ignore[arg-type]  # its decorator hides `self`
        self.model = model.eval()

    @cached_property
    def exact(self) -> Self:
        """The same encoder in float64, made when first asked for."""
        return type(self)(deepcopy(self.model).double())

    def forward(self, inputs: EncoderInputs) -> list[tuple[np.ndarray, np.ndarray]]:
        """Read all sequences, in batches: (indices int64 [B], logits [B, …]) of each.

        On the CPU every core reads batches of its own. Cores that share a batch wait for each other
        after each operation, which costs most of their time where the machine has other work too.
        """
        batches = list(self._batches(inputs.lengths))

        def read(chosen: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                arguments = model_arguments(self.model, inputs.take(chosen))
                return self.model(**arguments).logits.cpu().numpy()

        if self.model.device.type != "cpu":
            return [(chosen, read(chosen)) for chosen in batches]
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(
                threads, initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                return list(zip(batches, pool.map(read, batches), strict=True))
        finally:
            torch.set_num_threads(threads)  # the setting of a worker is the whole process's

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Indices of sequences of similar length, the longest first, int64 [B] each."""
        budget = TOKENS_PER_FORWARD[self.model.device.type]
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            size = max(1, budget // int(lengths[order[start]]))
            yield order[start : start + size]
            start += size


class SequenceInference(EncoderInference):
    """A sequence classifier that reads.

    The head of one that is built like BERT sees the first position and nothing else, so the last
    layer is computed for that position only; the logits are the same.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        # Modules of its own, but the same weights: `model` may be in training.
        super().__init__(deepcopy(model, {id(weight): weight for weight in model.parameters()}))
        if model.config.model_type not in BUILT_LIKE_BERT:
            return
        layers: Any = self.model.base_model.encoder.layer
        if not isinstance(layers[-1], _FirstPosition):
            layers[-1] = _FirstPosition(layers[-1])

    def outputs(self, inputs: EncoderInputs) -> np.ndarray:
        """The logits of N sequences for the C classes: float64 [N, C]."""
        outputs = np.empty((len(inputs), self.model.config.num_labels))
        for chosen, logits in self.forward(inputs):
            outputs[chosen] = logits
        return outputs

    def probabilities(self, inputs: EncoderInputs) -> np.ndarray:
        """The class probabilities of N sequences: float64 [N, C]."""
        return softmax(self.outputs(inputs), axis=-1)


class _FirstPosition(nn.Module):
    """A layer of BERT that gives the first position only: [B, L, H] -> [B, 1, H].

    With one query q a head's scores q W_k h_j are (q W_k) h_j, and its context sum_j a_j W_v h_j is
    W_v sum_j a_j h_j: no key or value is ever projected. The bias of the keys adds the same to all
    scores and that of the values is there once, as attention sums to 1.
    """

    layer: Any  # of a model that is BUILT_LIKE_BERT

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        attention = self.layer.attention.self
        first, by_head = hidden[:, :1], (attention.num_attention_heads, -1)
        query = attention.query(first).squeeze(1).unflatten(-1, by_head)
        query = torch.einsum("bnd,ndh->bnh", query, attention.key.weight.unflatten(0, by_head))
        scores = (query * attention.scaling) @ hidden.transpose(1, 2)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, 0, :1], -torch.inf)
        mixture = scores.softmax(-1) @ hidden
        context = torch.einsum(
            "bnh,ndh->bnd", mixture, attention.value.weight.unflatten(0, by_head)
        )
        context = context.flatten(1) + attention.value.bias
        return self.layer.feed_forward_chunk(self.layer.attention.output(context[:, None], first))
