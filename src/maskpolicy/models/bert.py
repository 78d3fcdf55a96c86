"""A BERT or RoBERTa made from its sizes."""

from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
)

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.specs import EncoderArchitecture


def create_encoder(
    architecture: EncoderArchitecture, tokenizer: Tokenizer, seed: int
) -> PreTrainedModel:
    """An encoder with a masked-LM head and random weights, its vocabulary that of `tokenizer`."""
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "vocab_size": tokenizer.vocabulary_size,
        "hidden_size": architecture.hidden_size,
        "num_hidden_layers": architecture.layers,
        "num_attention_heads": architecture.attention_heads,
        "intermediate_size": architecture.ffn_dim,
        "hidden_dropout_prob": architecture.dropout,
        "attention_probs_dropout_prob": architecture.dropout,
        "initializer_range": architecture.init_std,
        "bos_token_id": tokenizer.bos,
        "pad_token_id": tokenizer.pad,
        "eos_token_id": tokenizer.eos,
    }
    positions = architecture.max_positions
    if architecture.family == "bert":
        return BertForMaskedLM(BertConfig(max_position_embeddings=positions, **sizes))
    # RoBERTa counts positions from pad + 1 and has one segment.
    positions += tokenizer.pad + 1
    return RobertaForMaskedLM(
        RobertaConfig(max_position_embeddings=positions, type_vocab_size=1, **sizes)
    )
