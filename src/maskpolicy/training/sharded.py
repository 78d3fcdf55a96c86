"""Gradient descent by several processes, each with a part of the model (PyTorch's FSDP2)."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from maskpolicy.errors import InputError
from maskpolicy.models.devices import choose_device
from maskpolicy.training.compilation import compile_layer
from maskpolicy.training.data_parallel import LAYER_DROPS, LossModule, SharedOutLearner
from maskpolicy.training.loop import StepLoss
from maskpolicy.training.processes import Processes


class ShardedLearner(SharedOutLearner):
    """Parameters, gradients and moments are shared out: of each tensor every process keeps some
    rows. A layer is put together while it is read, forward and backward, and then let go again.

    What is saved is whole, in the memory of the first process: it is that of one process.
    """

    def __init__(
        self,
        processes: Processes,
        title: str,
        model: PreTrainedModel,
        *what: Any,
        step_loss: StepLoss,
        **settings: Any,
    ) -> None:
        """As a :class:`BatchLearner`, for one of the `processes`; the `model` becomes its part.

        Raises InputError where the model leaves out whole layers at random.
        """
        for setting in LAYER_DROPS:
            if getattr(model.config, setting, 0):
                raise InputError(
                    f"shard_parameters: the model leaves out layers at random (`{setting}`), which"
                    " then no process would put together for the others"
                )
        self._whole = deepcopy(model) if processes.first else None
        device = choose_device()
        loss = _shard(
            model,
            step_loss,
            init_device_mesh(device.type, (processes.size,)),
            compiled=device.type == "cuda",
        )
        super().__init__(
            processes,
            title,
            model,
            *what,
            step_loss=lambda _, part, smoothing: loss(part, smoothing),
            **settings,
        )

    def parts_of_step(self, own: int) -> int:
        """Those of the process that has the most: each part is read by all at a time."""
        return self.processes.highest(own)

    def _clip(self) -> torch.Tensor:
        norm = super()._clip()
        assert isinstance(norm, DTensor)
        return norm.full_tensor()

    def whole_model(self) -> PreTrainedModel:
        """The model of which each process has a part, in the first one; they wait for each other.
        In the others their part.
        """
        for name, whole in self._gathered(dict(self.model.named_parameters())):
            assert self._whole is not None
            self._whole.get_parameter(name).data.copy_(whole)
        return self._whole or self.model

    def tensors(self, *, to_go_on: bool) -> dict[str, torch.Tensor]:
        """As one process would save them, in the first one; they wait for each other. In the
        others none.
        """
        return dict(self._gathered(super().tensors(to_go_on=to_go_on)))

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take the own part of what one process would have saved."""
        like = {f"model/{name}": parameter for name, parameter in self.model.named_parameters()}
        numbered = chain.from_iterable(group["params"] for group in self.optimiser.param_groups)
        for number, parameter in enumerate(numbered):
            for moment in ("exp_avg", "exp_avg_sq"):
                like[f"optimiser/{number}/{moment}"] = parameter
        super().restore(
            {
                name: _part(tensor, like[name]) if name in like else tensor
                for name, tensor in tensors.items()
            }
        )

    def _gathered(self, tensors: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
        """Whole tensors on the CPU, one after another so that no GPU holds all; in the first
        process only.
        """
        for name, tensor in tensors.items():
            whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            if self.processes.first:
                yield name, whole.detach().cpu()


def _shard(
    model: PreTrainedModel, step_loss: StepLoss, mesh: DeviceMesh, *, compiled: bool
) -> LossModule:
    """Keep a part of each layer of the model, and of what is in none; return it under its loss."""
    layers = [each for each in model.modules() if isinstance(each, GradientCheckpointingLayer)]
    for layer in layers:
        if compiled:
            compile_layer(layer)
        fully_shard(layer, mesh=mesh)
    loss = LossModule(model, step_loss)
    fully_shard(loss, mesh=mesh)
    return loss


def _part(whole: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What this process has of a tensor that is shared out as another."""
    assert isinstance(like, DTensor)
    # Every process has read the whole one: nothing is sent.
    return distribute_tensor(
        whole.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )
