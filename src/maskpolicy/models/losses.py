"""The losses of a step, each a mean over what is predicted."""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.seq2seq import built_like_bart, label_logits, label_states

MASKED_LM_HEADS = (
    ("cls",),  # BERT, DeBERTa-v2 as it was released
    ("lm_head",),  # RoBERTa
    ("generator_predictions", "generator_lm_head"),  # ELECTRA
    ("head", "decoder"),  # ModernBERT
    ("vocab_transform", "activation", "vocab_layer_norm", "vocab_projector"),  # DistilBERT
)
"""Names of the modules that in turn make logits of the body's hidden states."""


def sequence_loss(model: PreTrainedModel, batch: Batch, label_smoothing: float) -> torch.Tensor:
    """Mean cross-entropy in nats per target token, padding aside, given those before it."""
    if batch.source.is_cuda and built_like_bart(model):
        return loss_in_parts(model, batch, label_smoothing)
    labels = batch.target.flatten()[batch.label_positions(model.config.pad_token_id)]
    return cross_entropy(label_logits(model, batch), labels, label_smoothing=label_smoothing)


def loss_in_parts(model: PreTrainedModel, batch: Batch, label_smoothing: float) -> torch.Tensor:
    """The same of a model built like BART, without ever holding all logits."""
    from maskpolicy.models.cross_entropy import linear_cross_entropy

    labels = batch.target.flatten()[batch.label_positions(model.config.pad_token_id)]
    states = label_states(model, batch, input_ids=batch.source)
    bias = model.get_buffer("final_logits_bias")[0]
    return linear_cross_entropy(states, model.lm_head.weight, bias, labels, label_smoothing)


def masked_lm_head(model: PreTrainedModel) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """What makes logits of the body's hidden states, by itself; None where that is not known."""
    modules = dict(model.named_children())
    names = next((names for names in MASKED_LM_HEADS if set(names) <= modules.keys()), None)
    if names is None:
        return None

    def head(states: torch.Tensor) -> torch.Tensor:
        for name in names:
            states = modules[name](states)
        return states

    return head


def masked_lm_loss(
    model: PreTrainedModel, batch: InPlaceBatch, label_smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats per masked token, of an encoder with a masked-LM head."""
    padding = model.config.pad_token_id
    inputs = {"input_ids": batch.source, "attention_mask": batch.attention_mask(padding)}
    wanted = batch.label_positions(padding)
    head = masked_lm_head(model)
    if head is None:
        logits = model(**inputs).logits.flatten(0, 1)[wanted]
    else:
        # Logits of the other positions would be several times the work.
        logits = head(model.base_model(**inputs).last_hidden_state.flatten(0, 1)[wanted])
    return cross_entropy(logits, batch.target.flatten()[wanted], label_smoothing=label_smoothing)
