"""The network of the supervised policy: a two-layer Bi-LSTM that points at both ends of a span."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError
from maskpolicy.policies.token_network import TokenNetwork

LAYERS = 2

_EMBEDDINGS = "model.shared.weight"
"""The token embeddings in a transformers checkpoint of BART."""


class SpanNetwork(TokenNetwork):
    """Embeddings, two bidirectional LSTM layers, start and end logits (Ye et al. 2021, eq. 1, 2).

    The hidden size (of each direction) is three eighths of the embedding size: with BART-base's
    50,265 x 768 embeddings the network has the paper's 43M parameters, 39M of them embeddings.
    """

    method = "supervised"

    def __init__(self, vocabulary_size: int, embedding_size: int) -> None:
        super().__init__()
        hidden_size = 3 * embedding_size // 8
        self.embeddings = nn.Embedding(vocabulary_size, embedding_size)
        sizes = [embedding_size] + [2 * hidden_size] * (LAYERS - 1)
        self.layers = nn.ModuleList(_BidirectionalLSTM(size, hidden_size) for size in sizes)
        self.heads = nn.Linear(2 * hidden_size, 2)

    def forward(self, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Start and end logits, float32 [B, L, 2] (see :class:`TokenNetwork`)."""
        reverse = _reversed_positions(lengths, input_ids.shape[1])
        hidden = self.embeddings(input_ids)
        for layer in self.layers:
            hidden = layer(hidden, reverse)
        with torch.autocast(hidden.device.type, enabled=False):
            return self.heads(hidden.float())


class _BidirectionalLSTM(nn.Module):
    # Two LSTMs, one over reversed rows: torch's own would start the way back in the padding, and
    # its packed sequences, which would not, are twice as slow on CPUs.
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.backwards = nn.LSTM(input_size, hidden_size, batch_first=True)

    def forward(self, inputs: torch.Tensor, reverse: torch.Tensor) -> torch.Tensor:
        ahead, _ = self.forwards(inputs)
        back, _ = self.backwards(_take(inputs, reverse))
        return torch.cat([ahead, _take(back, reverse)], dim=-1)


def _reversed_positions(lengths: torch.Tensor, width: int) -> torch.Tensor:
    """Where each position goes when the tokens of a row are reversed, not its padding: [B, L]."""
    positions = torch.arange(width, device=lengths.device)
    mirrored = lengths[:, None] - 1 - positions
    return torch.where(mirrored >= 0, mirrored, positions)


def _take(values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    return values.gather(1, positions[:, :, None].expand(-1, -1, values.shape[2]))


def network_on(checkpoint: Path, seed: int) -> SpanNetwork:
    """A new network with the token embeddings of a BART checkpoint; the rest is random.

    Raises ArtefactError, naming the file, when it can't be read.
    """
    # Read as a tensor: importing transformers takes longer than training a small network.
    path = checkpoint / "model.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            embeddings = file.get_tensor(_EMBEDDINGS).float()
    except (OSError, SafetensorError) as error:
        raise ArtefactError(
            f"cannot read the embeddings {_EMBEDDINGS} of {path}: {error}"
        ) from error
    torch.manual_seed(seed)
    network = SpanNetwork(*embeddings.shape)
    with torch.no_grad():
        network.embeddings.weight.copy_(embeddings)
    return network


def longest_text(checkpoint: Path) -> int:
    """The most tokens of a text that a BART checkpoint can read, BOS and EOS aside."""
    path = checkpoint / "config.json"
    config = read_json(path)
    if "max_position_embeddings" not in config:
        raise ArtefactError(f"{path} belongs to no BART: it has no 'max_position_embeddings'")
    return config["max_position_embeddings"] - 2
