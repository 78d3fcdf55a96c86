"""Start and end logits of every token of many rows, on CPU or GPU."""

import numpy as np
import torch

from maskpolicy.policies.supervised.network import SpanNetwork

BUCKET = 16
"""Rows are padded to a multiple of so many tokens."""

TOKENS_PER_STEP = {"cpu": 1 << 11, "cuda": 1 << 16}
"""Tokens of a forward pass, padding included: enough to keep the device busy."""


def score_tokens(
    network: SpanNetwork, offsets: np.ndarray, input_ids: np.ndarray, bf16: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The start and end logits of T tokens in B rows, float32 [T] each.

    offsets integer [B + 1]; input_ids integer [T]; bf16: compute the LSTMs in bfloat16.
    Rows of similar length go through the network together. The shape of a pass depends on the
    length of its rows alone, and short passes are filled up, so that the rounding of sums, and with
    it the logits of a row, does not depend on which rows it comes with.
    """
    device = network.heads.weight.device
    logits = np.empty((2, len(input_ids)), np.float32)
    lengths = np.diff(offsets)
    width_of = -(-lengths // BUCKET) * BUCKET
    for width in np.unique(width_of[lengths > 0]).tolist():
        rows = np.flatnonzero(width_of == width)
        size = max(BUCKET, TOKENS_PER_STEP[device.type] // width // BUCKET * BUCKET)
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            positions = np.arange(width)
            inside = positions < lengths[some, None]
            tokens = (offsets[some, None] + positions)[inside]
            ids = np.zeros((size, width), np.int64)
            ids[: len(some)][inside] = input_ids[tokens]
            row_lengths = np.full(size, width)
            row_lengths[: len(some)] = lengths[some]
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, bf16):
                output = network(
                    torch.from_numpy(ids).to(device), torch.from_numpy(row_lengths).to(device)
                )
            logits[:, tokens] = output[: len(some)].cpu().numpy()[inside].T
    return logits[0], logits[1]
