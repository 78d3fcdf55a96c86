"""Networks that policies decide with: two logits a token, saved, loaded, asked about many rows."""

from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from maskpolicy.errors import ArtefactError

WEIGHTS = "network.safetensors"

BUCKET = 16
"""Rows are padded to a multiple of so many tokens."""

TOKENS_PER_STEP = {"cpu": 1 << 11, "cuda": 1 << 16}
"""Tokens of a forward pass, padding included: enough to keep the device busy."""


class TokenNetwork(nn.Module):
    """Token embeddings below, two logits a token above; made from the embeddings' two sizes.

    Its forward pass takes token ids, int64 [B, L], padded on the right, and lengths, int64 [B], and
    gives float [B, L, 2]. Padding has no effect on the logits before it, whatever its ids.
    """

    method: ClassVar[str]  # how it is trained
    embeddings: nn.Embedding
    heads: nn.Linear


AnyNetwork = TypeVar("AnyNetwork", bound=TokenNetwork)


def save_network(network: TokenNetwork, folder: Path) -> Path:
    """Write the parameters of a network to a folder; returns the file."""
    path = folder / WEIGHTS
    save_file({name: value.cpu() for name, value in network.state_dict().items()}, path)
    return path


def load_network(folder: Path, network_class: type[AnyNetwork]) -> AnyNetwork:
    """Read a network, ready for inference. Raises ArtefactError, naming the file."""
    path = folder / WEIGHTS
    try:
        parameters = load_file(path)
        network = network_class(*parameters["embeddings.weight"].shape)
        network.load_state_dict(parameters)
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is missing: rerun the rule that makes it") from error
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise ArtefactError(
            f"{path} is no {network_class.method} policy ({error}): delete and rerun"
        ) from error
    return network.eval().requires_grad_(False)


def score_tokens(
    network: TokenNetwork, offsets: np.ndarray, input_ids: np.ndarray, bf16: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The two logits of T tokens in B rows, float32 [T] each.

    offsets integer [B + 1]; input_ids integer [T]; bf16: multiply in bfloat16.
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
