"""The network of the meta-learned policy, and how its logits become decisions."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from maskpolicy.policies.token_network import TokenNetwork

WIDTH = 5
"""Tokens that the convolution sees: two to each side."""


class MaskingNetwork(TokenNetwork):
    """Embeddings, a 1-D convolution, two linear layers, two logits a token (Ye et al. 2021, A.2).

    Inner layers are half as wide as the embeddings: with BART-base's 50,265 x 768 the network has
    the paper's 40M parameters, 39M of them embeddings.
    """

    method = "meta-learned"

    def __init__(self, vocabulary_size: int, embedding_size: int) -> None:
        super().__init__()
        hidden_size = embedding_size // 2
        self.embeddings = nn.Embedding(vocabulary_size, embedding_size)
        self.convolution = nn.Conv1d(embedding_size, hidden_size, WIDTH, padding=WIDTH // 2)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.heads = nn.Linear(hidden_size, 2)

    def forward(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits of keeping and of masking, float [B, L, 2] (see :class:`TokenNetwork`)."""
        inside = torch.arange(input_ids.shape[1], device=lengths.device) < lengths[:, None]
        embedded = self.embeddings(input_ids) * inside[:, :, None]
        seen = relu(self.convolution(embedded.transpose(1, 2)).transpose(1, 2))
        return self.heads(relu(self.hidden(seen)))


def gumbel_decisions(
    log_odds: Tensor, noise: Tensor, temperature: float, straight_through: bool
) -> Tensor:
    """Decisions d in [0, 1] by Gumbel-softmax over {keep, mask} (Jang et al. 2017).

    log_odds: mask logit minus keep logit, any shape; noise: standard logistic, of the same shape or
    one that broadcasts. Between two classes only the difference of the two Gumbel draws counts, and
    it is logistic: softmax of two is the sigmoid of one. With `straight_through` decisions are 0 or
    1 and have the gradient of the soft ones.
    """
    soft = torch.sigmoid((log_odds + noise) / temperature)
    if not straight_through:
        return soft
    return (soft > 0.5).to(soft.dtype) + soft - soft.detach()


def network_on(embeddings: Tensor, seed: int, budget: float) -> MaskingNetwork:
    """A new network with given token embeddings, float [V, d], that masks about `budget`."""
    torch.manual_seed(seed)
    network = MaskingNetwork(*embeddings.shape)
    with torch.no_grad():
        network.embeddings.weight.copy_(embeddings)
        network.heads.bias.copy_(torch.tensor([0.0, math.log(budget / (1 - budget))]))
    return network
