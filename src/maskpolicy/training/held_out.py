"""Held-out loss: how well checkpoints predict the same masked tokens of a corpus that none read.

The loss that a training reports depends on its own masks: salient spans are harder than random
tokens. Here every arm has the same masks and the same objective, as MosaicBERT and Ettin are
compared.
"""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import torch

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.evaluation.held_out import HeldOutLosses
from maskpolicy.models import families
from maskpolicy.models.devices import choose_device
from maskpolicy.progress import work_progress
from maskpolicy.training.masked_data import MaskedBatches, MaskedCorpus
from maskpolicy.training.trainers.base import stop_folder

ROWS = 64
"""Rows that are read at once."""


def measure_held_out(
    checkpoint: Path,
    corpus: MaskedCorpus,
    *,
    steps: int,
    stops: Sequence[int],
    arm: str,
    pretraining_seed: int,
    output: Path,
) -> None:
    """Measure a checkpoint of `steps` steps of a stage and those that it kept at its `stops`, and
    write :class:`HeldOutLosses`.

    The loss is that of the family's pre-training, without dropout and label smoothing and in
    float32, over the first epoch of masks. Raises ArtefactError, naming the file that can't be
    read, and InputError where the family can't express the objective.
    """
    family = families.of_checkpoint(checkpoint)
    if problem := corpus.objective.incompatibility(family.name):
        raise InputError(f"{checkpoint}: {problem}")
    folders = {step: stop_folder(checkpoint, step) for step in stops} | {steps: checkpoint}
    # The corpus is read once: of a stage all checkpoints are of one model.
    max_length = family.longest_input(family.load(checkpoint))
    batches = MaskedBatches(corpus, copies=1, max_length=max_length, batch_size=ROWS)
    masks = [batches.renderer.epoch(0)]
    order = batches.order(masks, 0)
    device, losses, tokens = choose_device(), {}, 0
    for step, folder in folders.items():
        model = family.load(folder)
        torch.nn.Module.to(model, device).eval()
        padding = model.config.pad_token_id
        nats = 0.0
        tokens = 0
        with (
            torch.inference_mode(),
            work_progress(f"{arm}, step {step:,} on held-out text", len(order)) as advance,
        ):
            for rows in order:
                batch = batches.rendered(rows, masks)
                predicted = batch.predicted(padding)
                loss = family.pretraining_loss(model, batch.to(device), 0.0)
                nats += loss.item() * predicted
                tokens += predicted
                advance(1)
        losses[step] = nats / tokens
        if not isfinite(losses[step]):
            raise ArtefactError(f"{folder}: its loss on held-out text is {losses[step]}")
    HeldOutLosses(
        arm=arm,
        pretraining_seed=pretraining_seed,
        rows=sum(map(len, order)),
        tokens=tokens,
        losses=losses,
    ).write(output)
