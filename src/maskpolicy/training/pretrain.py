"""Pre-training, general or intermediate: the same stage with another corpus and another policy."""

import shutil
from pathlib import Path

from maskpolicy.artefacts import atomic_directory, sha256
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.checkpoints import write_model
from maskpolicy.models.devices import device_name
from maskpolicy.training.kept_results import KeptResult
from maskpolicy.training.processes import ALONE, Processes
from maskpolicy.training.state import Saving
from maskpolicy.training.step_log import LOG_NAME
from maskpolicy.training.trainers import load_trainer
from maskpolicy.training.trainers.base import Pretrained, PretrainingJob, stop_folder


def pretrain(job: PretrainingJob, state: Path, output: Path, processes: Processes = ALONE) -> None:
    """Continue training a checkpoint on a masked corpus and write the checkpoint `output`.

    The manifest.json holds hashes, the losses, the tokens read, and on what it ended: the device,
    and how many processes. Checkpoints of the stage's `stops` are folders step-N within `output`
    (see :func:`stop_folder`). An interrupted training goes on from the folder `state`, if settings
    and inputs are the same; of a finished one the result is taken (see
    :mod:`maskpolicy.training.kept_results`). Of several processes that train together the first one
    writes.
    """
    train, identity = load_trainer(job.stage.trainer), job.identity()
    kept = KeptResult(state, identity)
    if processes.highest(int(processes.first and kept.take(output, job.title))):
        return
    with Saving(state, identity, processes) as saving:
        trained = train(job, saving)
        if processes.first:
            write_pretrained(trained, job, saving, output)
            kept.keep(output)


def write_pretrained(
    trained: Pretrained, job: PretrainingJob, saving: Saving, output: Path
) -> None:
    """Write the model, what its training did and where it ended, and what `saving` kept: the log of
    its steps, where the trainer wrote one, and the checkpoints of the stops.
    """
    stops, kept = job.stage.stops, saving.kept_files
    with atomic_directory(output) as folder:
        write_model(
            trained.model,
            load_tokenizer(job.corpus.tokenizer),
            folder,
            steps=trained.history.steps,
            tokens=trained.history.tokens,
            lineage=job.lineage(trained.history.steps),
            losses=list(trained.history.losses),
            device=device_name(),
            processes=saving.processes.size,
            stops={
                f"{step}": sha256(stop_folder(kept, step) / "model.safetensors") for step in stops
            },
        )
        if (log := kept / LOG_NAME).exists():
            shutil.copy(log, folder)
        for step in stops:
            # Not moved: a process may be killed before the folder is in its place.
            shutil.copytree(stop_folder(kept, step), stop_folder(folder, step))
