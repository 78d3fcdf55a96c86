"""This package's own trainer: batches rendered as they are read, by one process or by several."""

from collections.abc import Callable
from functools import partial
from typing import Any

from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.devices import choose_device
from maskpolicy.training.compilation import compile_body
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import AtStop, BatchLearner
from maskpolicy.training.masked_data import MaskedBatches
from maskpolicy.training.processes import Processes
from maskpolicy.training.state import Saving
from maskpolicy.training.step_log import LOG_NAME, StepLog
from maskpolicy.training.trainers.base import (
    Pretrained,
    PretrainingJob,
    family_of,
    refuse_long_rows,
    stop_folder,
)


def pretrain_natively(job: PretrainingJob, saving: Saving) -> Pretrained:
    """Train with AdamW (see :class:`BatchLearner`), by the loss of the checkpoint's family."""
    family = family_of(job)
    model = family.load(job.checkpoint, job.seed)
    max_length = family.longest_input(model)
    batches = MaskedBatches(
        job.corpus,
        copies=job.copies,
        max_length=max_length,
        batch_size=job.stage.batch_size,
        processes=saving.processes,
    )
    refuse_long_rows(job, batches.renderer, max_length)
    processes = saving.processes
    sharded = job.stage.shard_parameters and processes.size > 1
    if choose_device().type == "cuda" and not sharded:
        compile_body(model)
    settings: dict[str, Any] = {
        "optimisation": job.stage,
        "learning_rate": job.stage.learning_rate,
        "seed": job.seed,
        "step_loss": family.pretraining_loss,
        "examples_at_once": job.stage.examples_at_once,
        "stops": job.stage.stops,
        "at_stop": _keeping(job, saving),
    }
    if processes.first:
        settings["log"] = StepLog(saving.kept_files / LOG_NAME)
    learner = _learner(processes, sharded)(job.title, model, batches.from_step, **settings)
    fit(learner, saving)
    trained = learner.whole_model()
    return Pretrained(trained.cpu() if processes.first else trained, learner.history())


def _learner(processes: Processes, sharded: bool) -> Callable[..., BatchLearner]:
    if processes.size == 1:
        return BatchLearner
    if sharded:
        from maskpolicy.training.sharded import ShardedLearner

        return partial(ShardedLearner, processes)
    from maskpolicy.training.data_parallel import DataParallelLearner

    return partial(DataParallelLearner, processes)


def _keeping(job: PretrainingJob, saving: Saving) -> AtStop:
    tokenizer = load_tokenizer(job.corpus.tokenizer)

    def keep(model: PreTrainedModel, done: int, loss: float) -> None:
        if saving.processes.first:
            at = stop_folder(saving.kept_files, done)
            save_model(model, tokenizer, at, steps=done, loss=loss, lineage=job.lineage(done))

    return keep
