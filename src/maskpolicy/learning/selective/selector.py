"""The token selector: a token classifier of what is important (Gu et al. 2020, section 2.2)."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.learning.selective.marking import MarkedTexts
from maskpolicy.models.encoder import load_token_classifier, sequence_layout
from maskpolicy.models.inference import EncoderInference, model_arguments
from maskpolicy.models.labelled import LabelledBatch, LabelledBatches
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.layout import EncoderInputs, token_positions
from maskpolicy.policies.selective.selector import IMPORTANT
from maskpolicy.training.specs import EncoderTraining
from maskpolicy.training.state import Saving
from maskpolicy.training.validation import Validation, train_validated


def fit_selector(
    checkpoint: str | Path,
    tokenizer: Tokenizer,
    train: MarkedTexts,
    dev: MarkedTexts,
    *,
    class_weight: float,
    training: EncoderTraining,
    seed: int,
    title: str,
    saving: Saving | None = None,
) -> tuple[PreTrainedModel, list[Validation]]:
    """Fine-tune a token classifier on texts and their important tokens.

    Important tokens weigh `class_weight` in the loss, others 1. The epoch with the best F1 of the
    important tokens on dev is kept; the dev score of an epoch is that F1. For `saving` see
    :func:`train_validated`.
    """
    model = load_token_classifier(checkpoint, 2, seed)
    layout = sequence_layout(model, tokenizer, training.max_length)
    inputs, dev_inputs = layout.arrange(train.texts), layout.arrange(dev.texts)
    labels, dev_labels = token_labels(inputs, train), token_labels(dev_inputs, dev)

    def loss(model: PreTrainedModel, batch: LabelledBatch, label_smoothing: float) -> torch.Tensor:
        logits = model(**model_arguments(model, batch.inputs)).logits
        return cross_entropy(
            logits.flatten(0, 1).float(),
            batch.labels.flatten(),
            weight=torch.tensor([1.0, class_weight], device=logits.device),
            ignore_index=IGNORED,
            label_smoothing=label_smoothing,
        )

    epochs = train_validated(
        model,
        LabelledBatches(inputs, labels, training.batch_size, seed),
        training.on(len(inputs)),
        step_loss=loss,
        dev_score=lambda: important_f1(EncoderInference(model), dev_inputs, dev_labels),
        seed=seed,
        title=title,
        saving=saving,
        finish=True,
    )
    return model, epochs


def token_labels(inputs: EncoderInputs, marked: MarkedTexts) -> np.ndarray:
    """The class of every position, int64 [N, W]; IGNORED where no token of the texts is."""
    labels = np.full(inputs.ids.shape, IGNORED, np.int64)
    rows, columns, tokens = token_positions(inputs, marked.texts, np.arange(len(inputs)))
    labels[rows, columns] = marked.important[tokens]
    return labels


def important_f1(inference: EncoderInference, inputs: EncoderInputs, labels: np.ndarray) -> float:
    """F1 of the important tokens, in [0, 1]; 0 where none is found."""
    true_positives = predicted_positives = 0
    for chosen, logits in inference.forward(inputs):
        gold = labels[chosen, : logits.shape[1]]
        predicted = (logits.argmax(-1) == IMPORTANT) & (gold != IGNORED)
        true_positives += int((predicted & (gold == IMPORTANT)).sum())
        predicted_positives += int(predicted.sum())
    gold_positives = int((labels == IMPORTANT).sum())
    return 2 * true_positives / max(1, predicted_positives + gold_positives)
