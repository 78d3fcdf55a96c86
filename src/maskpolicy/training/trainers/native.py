"""This package's own trainer: one process, one device, batches rendered as they are read."""

from collections.abc import Callable
from pathlib import Path

from transformers import PreTrainedModel

from maskpolicy.errors import InputError
from maskpolicy.models.encoder import load_masked_lm, longest_input
from maskpolicy.models.losses import masked_lm_loss, sequence_loss
from maskpolicy.models.seq2seq import load_model, save_model
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, StepLoss
from maskpolicy.training.masked_data import MaskedBatches
from maskpolicy.training.state import Saving
from maskpolicy.training.trainers.base import Pretrained, PretrainingJob, stop_folder


def pretrain_natively(job: PretrainingJob, saving: Saving) -> Pretrained:
    """Train with AdamW (see :class:`BatchLearner`); an encoder with its masked-LM head."""
    model, max_length, step_loss = _load(job)
    batches = MaskedBatches(
        job.corpus, copies=job.copies, max_length=max_length, batch_size=job.stage.batch_size
    )
    _check_lengths(job, batches, max_length)
    learner = BatchLearner(
        job.title,
        model,
        batches.from_step,
        optimisation=job.stage,
        learning_rate=job.stage.learning_rate,
        seed=job.seed,
        step_loss=step_loss,
        after_step=_keep_at_stops(model, job.stage.stops, saving.kept_files),
    )
    fit(learner, saving)
    return Pretrained(model.cpu(), learner.record())


def _load(job: PretrainingJob) -> tuple[PreTrainedModel, int, StepLoss]:
    """The model, the tokens that fit into it, and its loss."""
    if job.corpus.in_place:
        encoder = load_masked_lm(job.checkpoint, job.seed)
        return encoder, longest_input(encoder), masked_lm_loss
    model = load_model(job.checkpoint)
    return model, model.config.max_position_embeddings, sequence_loss


def _check_lengths(job: PretrainingJob, batches: MaskedBatches, max_length: int) -> None:
    longest = batches.renderer.longest_row
    if longest + 2 > max_length:
        raise InputError(
            f"the rows of {job.corpus.shards[0].parent} have up to {longest} tokens, which with"
            f" <s> and </s> are more than the {max_length} of {job.checkpoint}: lower the corpus's"
            " `sequence_length`"
        )


def _keep_at_stops(
    model: PreTrainedModel, stops: tuple[int, ...], folder: Path
) -> Callable[[int, float], None]:
    def after_step(done: int, loss: float) -> None:
        if done in stops:
            save_model(model, stop_folder(folder, done), steps=done, loss=loss)

    return after_step
