"""Where models run."""

import torch

from maskpolicy.gpus import refuse_missing_gpu


def choose_device() -> torch.device:
    """The first GPU where there is one, else the CPU.

    Raises InputError where a cluster has granted a GPU and there is none.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    refuse_missing_gpu()
    return torch.device("cpu")


def device_name() -> str:
    """What a GPU calls itself, or `cpu`: whose, results don't depend on."""
    device = choose_device()
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
