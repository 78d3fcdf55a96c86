"""The losses of the inner loop, L(f(source ⊕ d; theta), target), and their derivatives.

Parameters go in as named tensors instead of living in the model, so that one model can be asked at
theta, theta' and theta''.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vjp
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from maskpolicy.learning.meta.label_gradient import label_gradient
from maskpolicy.models.batches import Batch
from maskpolicy.models.seq2seq import label_states, load_model

Parameters = dict[str, Tensor]
"""Parameters of the model by name, or a vector in their space; tied parameters are one."""

NOT_ASKED = torch.empty(0)
"""Stands for the part of a derivative that belongs to decisions, where it was not asked for."""


@dataclass(frozen=True)
class Derivative:
    """Of a number, by the parameters and by the decisions, float [B, S].

    Where that of the parameters was not asked for, there are none.
    """

    parameters: Parameters
    decisions: Tensor


@dataclass(frozen=True)
class Gradient(Derivative):
    """A loss in nats per target token with its derivative."""

    loss: Tensor


class InnerLoss(nn.Module):
    """Cross-entropy of a BART without dropout, which would make every evaluation another function.

    Decisions are shares: with d of a source token masked, the encoder reads the mixture
    (1 - d) E[token] + d E[<mask>] of embeddings (Ye et al. 2021, footnote 4).
    """

    def __init__(self, model: PreTrainedModel, mask: int) -> None:
        """`mask` is the id of <mask>. Raises ValueError when the model has dropout."""
        super().__init__()
        config = model.config
        if config.dropout or config.attention_dropout or config.activation_dropout:
            raise ValueError("the inner loop needs a model without dropout")
        config.use_cache = False  # nothing is generated
        self.model = model.train()  # layers recompute in training mode only
        self.layers = [*model.model.encoder.layers, *model.model.decoder.layers]
        for layer in self.layers:  # what transformers' own switch sets, without its hooks
            layer._gradient_checkpointing_func = partial(
                checkpoint, use_reentrant=False, preserve_rng_state=False
            )
        self.register_buffer("mask", torch.tensor([mask]), persistent=False)
        weight = model.get_output_embeddings().weight
        self.output_weight = next(n for n, p in self.named_parameters() if p is weight)

    def parameters_by_name(self) -> Parameters:
        """The model's own parameters, not copied."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    def forward(self, batch: Batch, decisions: Tensor | None = None) -> Tensor:
        """The loss with the model's own parameters, through torch's own operations only."""
        head, bias = self.model.get_output_embeddings(), self.model.final_logits_bias[0]
        return cross_entropy(
            linear(self.states(batch, decisions), head.weight, bias), self.labels(batch)
        )

    def states(self, batch: Batch, decisions: Tensor | None = None) -> Tensor:
        """The decoder's states before each label: float [labels, d]. decisions float [B, S]."""
        embeddings = self.model.get_input_embeddings()
        inputs = embeddings(batch.source)
        if decisions is not None:
            inputs = inputs + decisions[..., None] * (embeddings(self.mask) - inputs)
        return label_states(self.model, batch, inputs_embeds=inputs)

    def labels(self, batch: Batch) -> Tensor:
        """The target tokens, without padding: int64 [labels]."""
        return batch.target[batch.target != self.model.config.pad_token_id]

    @torch.no_grad()
    def loss(self, parameters: Parameters, batch: Batch, decisions: Tensor | None = None) -> Tensor:
        """The loss at `parameters`."""
        states = self._at(parameters, lambda: self.states(batch, decisions))
        return self._label_gradient((states, parameters[self.output_weight]), batch, False)[0]

    @torch.enable_grad()
    def gradient(
        self,
        parameters: Parameters,
        batch: Batch,
        decisions: Tensor | None = None,
        *,
        of_parameters: bool = True,
        of_decisions: bool = False,
        recompute: bool = False,
        bf16: bool = False,
    ) -> Gradient:
        """Loss and gradient at `parameters`.

        With `recompute` only the inputs of layers are kept for the backward pass (gradient
        checkpointing, Chen et al. 2016); with `bf16` layers multiply in bfloat16.
        """
        leaves = {n: p.detach().requires_grad_(of_parameters) for n, p in parameters.items()}
        if of_decisions:
            assert decisions is not None, "there is a derivative only by what is given"
            decisions = decisions.detach().requires_grad_()
        with self._recomputing(recompute):
            return self._gradient(
                leaves,
                batch,
                decisions,
                of_parameters=of_parameters,
                of_decisions=of_decisions,
                bf16=bf16,
            )

    @torch.enable_grad()
    def linearised(
        self, parameters: Parameters, batch: Batch
    ) -> tuple[Gradient, Callable[[Parameters], Parameters]]:
        """The gradient at `parameters`, and multiplication by the Hessian there, once.

        Reverse over reverse: the graph of the gradient is kept until it has been multiplied.
        """
        leaves = {n: p.detach().requires_grad_() for n, p in parameters.items()}
        with sdpa_kernel(SDPBackend.MATH):
            kept = self._gradient(leaves, batch, None, of_parameters=True, keep_graph=True)

        def times(vector: Parameters) -> Parameters:
            products = torch.autograd.grad(
                list(kept.parameters.values()),
                list(leaves.values()),
                list(vector.values()),
                materialize_grads=True,
            )
            return dict(zip(leaves, products, strict=True))

        detached = {name: gradient.detach() for name, gradient in kept.parameters.items()}
        return Gradient(detached, NOT_ASKED, kept.loss), times

    @torch.no_grad()
    def gradient_derivative(
        self,
        parameters: Parameters,
        batch: Batch,
        decisions: Tensor | None,
        vector: Parameters,
        *,
        of_parameters: bool = True,
        of_decisions: bool = False,
    ) -> Derivative:
        """The derivative of the gradient as `parameters` move along `vector`.

        For the parameters that is the Hessian times the vector, for the decisions the gradient of
        <d loss / d parameters, vector>. Forward over reverse: backward passes release their graph
        as they go, and where only the decisions' part is wanted, nothing is kept for weights.
        """

        def gradient(parameters: Parameters) -> dict[str, Any]:
            wanted: dict[str, Any] = {"parameters": parameters} if of_parameters else {}
            if of_decisions:
                wanted["decisions"] = decisions

            def states(wanted: dict[str, Any]) -> Tensor:
                where = wanted.get("parameters", parameters)
                masked = wanted.get("decisions", decisions)
                return self._at(where, lambda: self.states(batch, masked))

            reached, pull_back = vjp(states, wanted)[:2]
            ends = (reached, parameters[self.output_weight])
            _, of_states, of_weight = self._label_gradient(ends, batch, of_parameters)
            (found,) = pull_back(of_states, retain_graph=False, create_graph=False)
            if of_parameters:
                of_output = found["parameters"][self.output_weight] + of_weight
                found["parameters"][self.output_weight] = of_output
            return found

        with sdpa_kernel(SDPBackend.MATH):
            derivative = jvp(gradient, (parameters,), (vector,))[1]
        return Derivative(derivative.get("parameters", {}), derivative.get("decisions", NOT_ASKED))

    def _gradient(
        self,
        leaves: Parameters,
        batch: Batch,
        decisions: Tensor | None,
        *,
        of_parameters: bool,
        of_decisions: bool = False,
        keep_graph: bool = False,
        bf16: bool = False,
    ) -> Gradient:
        def compute() -> Gradient:
            with torch.autocast(batch.source.device.type, torch.bfloat16, enabled=bf16):
                states = self.states(batch, decisions)
            if bf16:
                states = states.float()
            weight = leaves[self.output_weight]
            ends = (states, weight) if keep_graph else (states.detach(), weight.detach())
            loss, of_states, of_weight = self._label_gradient(ends, batch, of_parameters)
            wanted = list(leaves.values()) if of_parameters else []
            if of_decisions and decisions is not None:
                wanted.append(decisions)
            found = torch.autograd.grad(
                states, wanted, of_states, create_graph=keep_graph, materialize_grads=True
            )
            parameters: Parameters = {}
            if of_weight is not None:
                parameters = dict(zip(leaves, found, strict=False))
                if keep_graph:
                    parameters[self.output_weight] = parameters[self.output_weight] + of_weight
                else:
                    parameters[self.output_weight].add_(of_weight)
            return Gradient(parameters, found[-1] if of_decisions else NOT_ASKED, loss.detach())

        # The backward pass belongs inside: recomputed layers need the same parameters.
        return self._at(leaves, compute)

    def _label_gradient(
        self, ends: tuple[Tensor, Tensor], batch: Batch, of_weight: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        states, weight = ends
        bias = self.model.final_logits_bias[0]
        return label_gradient(states, weight, bias, self.labels(batch), of_weight)

    def _at(self, parameters: Parameters, compute: Callable[[], Any]) -> Any:
        """compute(), with `parameters` in the place of the model's own."""
        named = {f"inner_loss.{name}": value for name, value in parameters.items()}
        return functional_call(_Scope(self), named, (compute,))

    @contextmanager
    def _recomputing(self, enabled: bool) -> Iterator[None]:
        for layer in self.layers:
            layer.gradient_checkpointing = enabled
        try:
            yield
        finally:
            for layer in self.layers:
                layer.gradient_checkpointing = False


class _Scope(nn.Module):
    """A module to call functionally, whose call is any computation on its loss."""

    def __init__(self, inner_loss: InnerLoss) -> None:
        super().__init__()
        self.inner_loss = inner_loss

    def forward(self, compute: Callable[[], Any]) -> Any:
        return compute()


def load_inner_loss(checkpoint: Path, mask: int) -> InnerLoss:
    """The inner loss of a BART checkpoint, its dropout switched off.

    Raises ArtefactError, naming the checkpoint, when it can't be loaded.
    """
    still = [*("dropout", "attention_dropout", "activation_dropout")]
    still += ["encoder_layerdrop", "decoder_layerdrop"]
    return InnerLoss(load_model(checkpoint, **dict.fromkeys(still, 0.0)), mask)
