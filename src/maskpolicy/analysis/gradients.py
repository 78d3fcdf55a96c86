"""Gradients of the masked-LM loss under single masks, many masks at once."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch.func import functional_call, grad_and_value, vmap
from torch.nn import Module
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import SpecialIds, TokenColumns, render
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import InputError
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import masked_lm_head

Gradients = list[torch.Tensor]
"""The gradients of M masks, one [M, size] tensor for each parameter, on the model's device."""

_OBJECTIVE = Objective(source="token", target="in-place")
"""Every masked token is shown as <mask>, so that the mask is all that is random."""


class MaskGradients:
    """Gradients of one model for selected parameters, with dropout off.

    The loss is the mean cross-entropy in nats of the masked tokens: equation 1 of Zheng et al. 2020
    divided by tau, as training does. Gradients of masks are taken one beside the other
    (torch.func), not summed, so memory grows with the masks at once times the selected parameters.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        special: SpecialIds,
        patterns: Sequence[str],
        batch_size: int,
    ) -> None:
        model.eval().requires_grad_(False)  # torch.func differentiates what it is given
        model.set_attn_implementation("eager")  # the others choose kernels by data: not for vmap
        self.names = select_parameters(model, patterns)
        self.special = special
        self.loss = _MaskedTokenLoss(model)
        self.selected: dict[str, torch.Tensor] = {
            f"model.{name}": model.get_parameter(name) for name in self.names
        }
        self.each = vmap(grad_and_value(self._loss), in_dims=(None, 0, 0, 0), chunk_size=batch_size)

    @property
    def size(self) -> int:
        """Numbers in one gradient."""
        return sum(parameter.numel() for parameter in self.selected.values())

    def __call__(self, input_ids: np.ndarray, masks: np.ndarray) -> tuple[Gradients, np.ndarray]:
        """The gradients and the losses, float64 [M], of one sequence under M masks.

        input_ids integer [n]; masks bool [M, n], all of which mask equally many tokens.
        """
        source, positions, labels = masked_tokens(input_ids, masks, self.special)
        device = next(iter(self.selected.values())).device
        inputs = (torch.from_numpy(values).to(device) for values in (source, positions, labels))
        gradients, losses = self.each(self.selected, *inputs)
        flat = [gradients[name].flatten(start_dim=1) for name in self.selected]
        return flat, losses.double().cpu().numpy()

    def _loss(self, selected: dict[str, torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        return functional_call(self.loss, selected, inputs)


class _MaskedTokenLoss(Module):
    """The loss of one sequence [W] whose tokens at positions [tau] are `labels` [tau]."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, source: torch.Tensor, positions: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        head = masked_lm_head(self.model)
        if head is None:
            return cross_entropy(self.model(input_ids=source[None]).logits[0, positions], labels)
        # Logits of the other tokens would be most of the work and of the memory.
        hidden = self.model.base_model(input_ids=source[None]).last_hidden_state[0]
        return cross_entropy(head(hidden[positions]), labels)


def select_parameters(model: PreTrainedModel, patterns: Sequence[str]) -> list[str]:
    """The names of the parameters that match a pattern (as file names do: *, ?, [abc]).

    Raises InputError, listing the names, when a pattern matches none.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"parameters: no parameter is called {pattern!r}; known: {', '.join(names)}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def masked_tokens(
    input_ids: np.ndarray, masks: np.ndarray, special: SpecialIds
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render a sequence [n] under masks [M, n].

    Returns the source, int64 [M, W], and of the tau masked tokens positions and labels, int64
    [M, tau].
    """
    number, n = masks.shape
    repeated = TokenColumns(
        rows=np.zeros(number, np.int64),
        offsets=np.arange(number + 1) * n,
        input_ids=np.tile(input_ids, number),
    )
    decisions = Decisions(masks.reshape(-1))
    limits = {"source_length": n + 2, "target_length": n + 2}
    batch = render(repeated, decisions, np.arange(number), _OBJECTIVE, special, **limits)
    positions = np.nonzero(batch.target != IGNORED)[1].reshape(number, -1)
    return batch.source, positions, np.take_along_axis(batch.target, positions, axis=1)
