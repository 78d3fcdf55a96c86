"""One meta step: the inner loop, and how its meta-loss changes with the decisions.

The inner loop of Ye et al. 2021 (section 4.3, eq. 3 to 5, Algorithm 1, lines 3 to 6) is

    theta_{k+1} = theta_k - a0 grad L_pt(theta_k, d_k)        k = 0 .. K - 1 (the paper: K = 1)
    theta''     = theta_K - a1 grad L_ft(theta_K)
    L'          = L_ft(theta'') - L_ft(theta_K)

with L_pt the loss of recovering the context x from x ⊕ d and L_ft that of the target t given s. The
reverse of it needs gradients and products of second derivatives with vectors, nothing else:

    v    = grad L_ft(theta'') - a1 H_ft(theta_K) grad L_ft(theta'') - grad L_ft(theta_K)
    d L' / d d_k = -a0 grad_d <grad_theta L_pt(theta_k, d_k), v>,   then   v -= a0 H_pt(theta_k) v

so that only one copy of the model is differentiated at a time. The policy's parameters follow by
the chain rule through the decisions, a [B, S] tensor. Three engines compute the same:

| engine              | second derivatives                                                         |
|---------------------|----------------------------------------------------------------------------|
| `higher`            | the inner loop as one graph (Grefenstette et al. 2019), as the paper did   |
| `exact`             | the products above, by automatic differentiation                           |
| `finite-difference` | the products above, by moving theta along v (Liu et al. 2019, DARTS)       |
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from higher import innerloop_ctx
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskpolicy.learning.meta.inner_loss import Derivative, Gradient, InnerLoss, Parameters
from maskpolicy.learning.meta.specs import Engine, Precision
from maskpolicy.models.batches import Batch

FORWARD_STEP, CENTRAL_STEP = 3e-5, 1e-4
"""Lengths of finite differences in float32, relative to the norm of theta.

The cosine with the exact gradient is .9994 and above for random and for trained models.
"""

COARSER = 4
"""How many times longer they are in bfloat16, whose rounding drowns shorter ones.

Longer ones miss the curvature of large models: of models with d = 128 to 768, random and trained,
the lowest cosine is .96 with four times, .57 with ten. Where little is summed, and noise does not
average out (d = 16, or batches of a few dozen tokens), bfloat16 is worse whatever the length.
"""


@dataclass(frozen=True)
class InnerLoop:
    """The hyper-parameters of the inner loop.

    first_order: no products with Hessians. v = 2 (grad L_ft(theta'') - grad L_ft(theta_K)), right
    to first order in a1, where both halves of v are equal, -a1 H_ft grad L_ft(theta_K).
    checkpointing: keep the inputs of layers only and compute the rest twice; where gradients are
    differentiated again it saves nothing, so it is for finite differences.
    """

    pretrain_rate: float  # a0
    finetune_rate: float  # a1
    engine: Engine = "finite-difference"
    first_order: bool = False
    checkpointing: bool = False
    precision: Precision = "float32"


@dataclass(frozen=True)
class MetaGradient:
    """What a meta step yields.

    decisions: d L' / d d, float [K, B, S]; parameters: theta_K, the pre-train progress that is kept
    (Algorithm 1, line 9); meta_loss: L'; pretrain_loss: the mean over the K steps; finetune_loss:
    L_ft(theta_K). Losses in nats per token.
    """

    decisions: Tensor
    parameters: Parameters
    meta_loss: float
    pretrain_loss: float
    finetune_loss: float


def meta_gradient(
    inner_loss: InnerLoss,
    pretrain: Batch,
    finetune: Batch,
    decisions: Tensor,
    inner: InnerLoop,
) -> MetaGradient:
    """Run the inner loop from the model's own parameters and differentiate it.

    `pretrain` has the contexts both as source and as target, `finetune` sources and targets of the
    task; decisions float [K, B, S], one mask for each pre-train step, zero at special tokens.
    The model's parameters stay as they are.
    """
    if inner.engine != "finite-difference" and (
        inner.checkpointing or inner.precision == "bfloat16"
    ):
        raise ValueError("checkpointing and bfloat16 need `engine: finite-difference`")
    if inner.engine == "higher":
        return _through_higher(inner_loss, pretrain, finetune, decisions, inner)
    return _by_products(inner_loss, pretrain, finetune, decisions, inner)


def meta_loss(
    inner_loss: InnerLoss,
    parameters: Parameters,
    pretrain: Batch,
    finetune: Batch,
    decisions: Tensor,
    inner: InnerLoop,
) -> float:
    """L' of an inner loop that starts at `parameters`; arguments as :func:`meta_gradient`."""
    for masked in decisions:
        slope = inner_loss.gradient(parameters, pretrain, masked, recompute=inner.checkpointing)
        parameters = _moved(parameters, -inner.pretrain_rate, slope.parameters)
    slope = inner_loss.gradient(parameters, finetune, recompute=inner.checkpointing)
    after = inner_loss.loss(_moved(parameters, -inner.finetune_rate, slope.parameters), finetune)
    return (after - slope.loss).item()


def _through_higher(
    inner_loss: InnerLoss,
    pretrain: Batch,
    finetune: Batch,
    decisions: Tensor,
    inner: InnerLoop,
) -> MetaGradient:
    if inner.first_order:
        raise ValueError("a first-order approximation is no engine of `higher`")
    decisions = decisions.detach().requires_grad_()
    optimiser = torch.optim.SGD(inner_loss.parameters(), lr=inner.pretrain_rate)
    # Fused attention has no second derivatives.
    with sdpa_kernel(SDPBackend.MATH), innerloop_ctx(inner_loss, optimiser) as (model, step):
        losses = []
        for masked in decisions:
            losses.append(model(pretrain, masked))
            step.step(losses[-1])
        names = [name for name, _ in inner_loss.named_parameters()]
        learned = [parameter.detach() for parameter in model.parameters()]
        before = model(finetune)
        step.step(before, override={"lr": [inner.finetune_rate]})
        change = model(finetune) - before
        (of_decisions,) = torch.autograd.grad(change, decisions)
    return MetaGradient(
        of_decisions,
        dict(zip(names, learned, strict=True)),
        change.item(),
        torch.stack(losses).mean().item(),
        before.item(),
    )


def _by_products(
    inner_loss: InnerLoss,
    pretrain: Batch,
    finetune: Batch,
    decisions: Tensor,
    inner: InnerLoop,
) -> MetaGradient:
    second = _Exact(inner_loss) if inner.engine == "exact" else _Differences(inner_loss, inner)
    path = [inner_loss.parameters_by_name()]  # theta_0, theta_1, …
    losses = []
    for masked in decisions:
        slope = second.gradient(path[-1], pretrain, masked)
        path.append(_moved(path[-1], -inner.pretrain_rate, slope.parameters))
        losses.append(slope.loss)
        del slope

    learned = path.pop()
    if inner.first_order:
        slope, times_hessian = second.gradient(learned, finetune), None
    else:
        slope, times_hessian = second.linearise(learned, finetune)
    after = second.gradient_after(_moved(learned, -inner.finetune_rate, slope.parameters), finetune)
    product = None if times_hessian is None else times_hessian(after.parameters)
    vector = after.parameters
    _move(vector, -1.0, slope.parameters)
    if product is not None:
        _move(vector, -inner.finetune_rate, product)
    else:
        _move(vector, 1.0, vector)
    change, before = (after.loss - slope.loss).item(), slope.loss.item()
    del slope, after, product, times_hessian

    of_decisions = torch.empty_like(decisions)
    for k in reversed(range(len(decisions))):
        further = k > 0 and not inner.first_order
        derivative = second.derivative(path.pop(), pretrain, decisions[k], vector, further)
        torch.mul(derivative.decisions, -inner.pretrain_rate, out=of_decisions[k])
        if further:
            _move(vector, -inner.pretrain_rate, derivative.parameters)
    mean_loss = torch.stack(losses).mean().item()
    return MetaGradient(of_decisions, learned, change, mean_loss, before)


Linearised = tuple[Gradient, Callable[[Parameters], Parameters]]
"""The gradient at a point, and multiplication by the Hessian there."""


class _Exact:
    """Second derivatives by automatic differentiation, each on a graph of its own."""

    def __init__(self, inner_loss: InnerLoss) -> None:
        self.inner_loss = inner_loss
        self.gradient = inner_loss.gradient
        self.linearise = inner_loss.linearised

    def gradient_after(self, parameters: Parameters, batch: Batch) -> Gradient:
        # The graph at theta_K waits for this gradient: it is the peak of memory.
        return self.inner_loss.gradient(parameters, batch, recompute=True)

    def derivative(
        self,
        parameters: Parameters,
        batch: Batch,
        decisions: Tensor,
        vector: Parameters,
        of_parameters: bool,
    ) -> Derivative:
        """The derivative of the gradient along `vector`."""
        return self.inner_loss.gradient_derivative(
            parameters, batch, decisions, vector, of_parameters=of_parameters, of_decisions=True
        )


class _Differences:
    """Second derivatives by finite differences of gradients: nothing is differentiated twice."""

    def __init__(self, inner_loss: InnerLoss, inner: InnerLoop) -> None:
        bf16 = inner.precision == "bfloat16"
        self.gradient = partial(inner_loss.gradient, recompute=inner.checkpointing, bf16=bf16)
        self.gradient_after = self.gradient
        self.coarser = COARSER if bf16 else 1

    def linearise(self, parameters: Parameters, batch: Batch) -> Linearised:
        """A forward difference, one more gradient; a1 weighs it, so its error counts little."""
        slope = self.gradient(parameters, batch)

        def times(vector: Parameters) -> Parameters:
            step = self.coarser * FORWARD_STEP * _ratio(parameters, vector)
            ahead = self.gradient(_moved(parameters, step, vector), batch)
            return _difference(ahead.parameters, slope.parameters, step)

        return slope, times

    def derivative(
        self,
        parameters: Parameters,
        batch: Batch,
        decisions: Tensor,
        vector: Parameters,
        of_parameters: bool,
    ) -> Derivative:
        """The derivative of the gradient along `vector`: a central difference, two gradients.

        The last one, which is not of parameters, uses up the vector: both points lie in its memory.
        """
        step = self.coarser * CENTRAL_STEP * _ratio(parameters, vector)
        point = _copied(vector) if of_parameters else vector
        gradient = partial(self.gradient, of_parameters=of_parameters, of_decisions=True)
        for name, parameter in parameters.items():
            point[name].mul_(step).add_(parameter)
        ahead = gradient(point, batch, decisions)
        for name, parameter in parameters.items():
            point[name].neg_().add_(parameter, alpha=2)
        back = gradient(point, batch, decisions)
        of_decisions = (ahead.decisions - back.decisions) / (2 * step)
        if not of_parameters:
            return Derivative({}, of_decisions)
        change = _difference(ahead.parameters, back.parameters, 2 * step)
        return Derivative(change, of_decisions)


def _moved(parameters: Parameters, step: float, vector: Parameters) -> Parameters:
    """parameters + step * vector."""
    return {n: torch.add(p, vector[n], alpha=step) for n, p in parameters.items()}


def _move(parameters: Parameters, step: float, vector: Parameters) -> None:
    """Add step * vector, in place."""
    for name, parameter in parameters.items():
        parameter.add_(vector[name], alpha=step)


def _copied(vector: Parameters) -> Parameters:
    return {name: value.clone() for name, value in vector.items()}


def _difference(minuend: Parameters, subtrahend: Parameters, step: float) -> Parameters:
    """(minuend - subtrahend) / step, in the memory of the minuend."""
    for name, gradient in minuend.items():
        gradient.sub_(subtrahend[name]).div_(step)
    return minuend


def _ratio(parameters: Parameters, vector: Parameters) -> float:
    """The norm of the parameters over that of the vector, or 1 where the vector is zero."""
    return _norm(parameters) / (_norm(vector) or _norm(parameters))


def _norm(vector: Parameters) -> float:
    return torch.stack([value.norm() for value in vector.values()]).norm().item()
