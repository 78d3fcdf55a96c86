"""Cross-entropy of a linear layer's logits that never holds all of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn.functional import linear

LOGITS_AT_ONCE = 2**28
"""Of a part, half a GiB in bfloat16: for each the sum of the gradients by the weights is read and
written, which costs less the more rows it is for.
"""


def linear_cross_entropy(
    states: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    label_smoothing: float,
) -> torch.Tensor:
    """Mean cross-entropy in nats of `states @ weight.T + bias` with labels, a scalar.

    states float [N, d], weight float [V, d], bias float [V] or None, labels int64 [N]. Logits are
    made in parts of rows, with their gradients at the same time, of which only sums are kept; what
    is subtracted and summed is in single precision, under autocast too. It has no second
    derivative.
    """
    return _LinearCrossEntropy.apply(states, weight, bias, labels, label_smoothing)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        states: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        labels: torch.Tensor,
        label_smoothing: float,
    ) -> torch.Tensor:
        device = states.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else states.dtype
        rows = max(1, LOGITS_AT_ONCE // len(weight))
        of_logits = _compiled() if states.is_cuda else _loss_and_gradient
        loss = states.new_zeros((), dtype=torch.float32)
        of_states = torch.empty_like(states)
        of_weight = torch.zeros_like(weight)
        wants_bias = bias is not None and context.needs_input_grad[2]
        of_bias = weight.new_zeros(len(weight)) if wants_bias else None
        # A tensor: another number would be compiled again.
        of_row = torch.full((), 1 / len(labels), device=states.device)
        with torch.autocast(device, enabled=False):
            cast, cast_bias = weight.to(dtype), None if bias is None else bias.to(dtype)
            parts = zip(
                states.to(dtype).split(rows), of_states.split(rows), labels.split(rows), strict=True
            )
            for some, of_some, wanted in parts:
                logits = linear(some, cast, cast_bias)
                part, gradient = of_logits(logits, wanted, of_row, label_smoothing)
                loss += part
                of_some.copy_(gradient @ cast)
                of_weight += gradient.T @ some
                if of_bias is not None:
                    of_bias += gradient.sum(0)
        context.save_for_backward(of_states, of_weight, of_bias)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, of_loss: torch.Tensor) -> Any:
        scaled = [None if one is None else one * of_loss for one in context.saved_tensors]
        return *scaled, None, None


def _loss_and_gradient(
    logits: torch.Tensor, labels: torch.Tensor, of_row: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of a part, of which each row has the weight `of_row`, and its derivatives by the
    logits.
    """
    vocabulary = logits.shape[1]
    scores = logits.float()
    total = scores.logsumexp(1, keepdim=True)
    of_label = scores.gather(1, labels[:, None])
    losses = total - (1 - smoothing) * of_label - smoothing * scores.mean(1, keepdim=True)
    wanted = torch.arange(vocabulary, device=labels.device) == labels[:, None]
    gradient = (scores - total).exp() - smoothing / vocabulary - (1 - smoothing) * wanted
    return losses.sum() * of_row, (gradient * of_row).to(logits.dtype)


@cache
def _compiled() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """The same in a kernel or two, where it would read and write the logits a dozen times."""
    return torch.compile(_loss_and_gradient, dynamic=True)
