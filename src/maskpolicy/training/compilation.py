"""Compiled models: what a GPU's small operations cost to start, fused."""

import torch
from transformers import PreTrainedModel


def compile_body(model: PreTrainedModel, backend: str = "inductor") -> None:
    """Let the layers of a model, in training, be compiled when they first run; its parameters keep
    their names.

    Widths and numbers of rows are left open: batches of every shape run what the first ones
    compiled, with padding in the source and without. Nothing in it waits for a GPU: compiled,
    transformers does not look whether a mask masks anything.
    """
    model.base_model.compile(dynamic=True, backend=backend)


def compile_layer(layer: torch.nn.Module, backend: str = "inductor") -> None:
    """The same for one layer, but not for the hooks around it, in which FSDP puts it together."""
    layer.forward = torch.compile(layer.forward, dynamic=True, backend=backend)
