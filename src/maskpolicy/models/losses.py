"""The losses of a step, each a mean over what is predicted."""

import torch
from torch.nn.functional import cross_entropy
from transformers import BartForConditionalGeneration, PreTrainedModel

from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.seq2seq import label_states


def sequence_loss(
    model: BartForConditionalGeneration, batch: Batch, label_smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats per target token, padding aside; the decoder sees the target
    shifted.
    """
    states = label_states(model, batch.source, batch.target, input_ids=batch.source)
    # Logits of padding would be the greater part of a small model's work.
    logits = model.lm_head(states) + model.final_logits_bias
    labels = batch.target[batch.target != model.config.pad_token_id]
    return cross_entropy(logits, labels, label_smoothing=label_smoothing)


def masked_lm_loss(
    model: PreTrainedModel, batch: InPlaceBatch, label_smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats per masked token, of a BERT or RoBERTa with a masked-LM head."""
    present = batch.source != model.config.pad_token_id
    hidden = model.base_model(
        input_ids=batch.source, attention_mask=None if bool(present.all()) else present
    ).last_hidden_state
    # Logits of the other positions would be several times the work.
    wanted = batch.target != IGNORED
    head = model.cls if model.config.model_type == "bert" else model.lm_head
    return cross_entropy(
        head(hidden[wanted]), batch.target[wanted], label_smoothing=label_smoothing
    )
