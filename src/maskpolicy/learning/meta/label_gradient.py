"""Softmax cross-entropy of the vocabulary: its gradient, and the derivative of that gradient.

The logits of a batch, [labels, V], would be the largest tensors of a meta step by far, and with
double backward a dozen of them are alive at once. Here they exist for a few hundred labels at a
time, and what a derivative needs of them is computed again.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LABELS = 256
"""Labels whose logits are in memory at a time."""


def label_gradient(
    states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, of_weight: bool = True
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Mean cross-entropy of `labels` under softmax(states @ weight.T + bias), and its gradient.

    states float [N, d]; weight float [V, d]; bias float [V]; labels int64 [N]. Returns the loss in
    nats, d loss / d states and, if asked for, d loss / d weight. These gradients can be
    differentiated once more by states and weight, in reverse and in forward mode.
    """
    return _LabelGradient.apply(states, weight, bias, labels, of_weight)


class _LabelGradient(torch.autograd.Function):
    @staticmethod
    def forward(
        states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, of_weight: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        loss = states.new_zeros(())
        of_states = torch.empty_like(states)
        weights = torch.zeros_like(weight) if of_weight else None
        for start in range(0, len(labels), LABELS):
            part = slice(start, start + LABELS)
            scores = torch.addmm(bias, states[part], weight.T).log_softmax(dim=1)
            loss -= scores.gather(1, labels[part, None]).sum()
            error = _error(scores.exp_(), labels[part], len(labels))
            torch.mm(error, weight, out=of_states[part])
            if weights is not None:
                weights.addmm_(error.T, states[part])
        return loss / len(labels), of_states, weights

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        states, weight, bias, labels, ctx.of_weight = inputs
        ctx.mark_non_differentiable(output[0])
        ctx.save_for_backward(states, weight, bias, labels)
        ctx.save_for_forward(states, weight, bias, labels)

    # The map from (states, weight) to the gradient is a gradient itself: its derivative is a
    # symmetric Hessian, so forward and reverse mode multiply by the same matrix.

    @staticmethod
    def jvp(ctx: Any, states: Tensor, weight: Tensor, *_: None) -> tuple:
        return None, *_saved_product(ctx, states, weight, ctx.of_weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: None, states: Tensor, weight: Tensor | None) -> tuple:
        return *_saved_product(ctx, states, weight, True), None, None, None


def _saved_product(
    ctx: Any, states_vector: Tensor, weight_vector: Tensor | None, of_weight: bool
) -> tuple[Tensor, Tensor | None]:
    states, weight, bias, labels = ctx.saved_tensors
    return hessian_product(
        states, weight, bias, labels, states_vector, weight_vector, of_weight=of_weight
    )


def hessian_product(
    states: Tensor,
    weight: Tensor,
    bias: Tensor,
    labels: Tensor,
    states_vector: Tensor,
    weight_vector: Tensor | None,
    *,
    of_weight: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """The Hessian of the loss in (states, weight), times a vector: float [N, d] and [V, d].

    A weight vector of None is zero; without `of_weight` the second part is not computed.

    With logits z = h W' + b, probabilities p and error e = (p - y) / N, a step (h., W.) moves the
    error by e. = (p z. - p <p, z.>) / N with z. = h. W' + h W.', and so the gradient (e W, e' h) by
    (e. W + e W., e.' h + e' h.).
    """
    of_states = torch.empty_like(states)
    weights = torch.zeros_like(weight) if of_weight else None
    for start in range(0, len(labels), LABELS):
        part = slice(start, start + LABELS)
        probabilities = torch.addmm(bias, states[part], weight.T).softmax(dim=1)
        moved = states_vector[part] @ weight.T
        if weight_vector is not None:
            moved.addmm_(states[part], weight_vector.T)
        moved -= (probabilities * moved).sum(dim=1, keepdim=True)
        moved *= probabilities
        moved /= len(labels)
        torch.mm(moved, weight, out=of_states[part])
        error = _error(probabilities, labels[part], len(labels))
        if weight_vector is not None:
            of_states[part].addmm_(error, weight_vector)
        if weights is not None:
            weights.addmm_(moved.T, states[part])
            weights.addmm_(error.T, states_vector[part])
    return of_states, weights


def _error(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """(p - y) / count, in place."""
    one = probabilities.new_ones(()).expand(len(labels), 1)
    return probabilities.scatter_add_(1, labels[:, None], -one).div_(count)
