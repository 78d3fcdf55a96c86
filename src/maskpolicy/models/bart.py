"""A BART made from its sizes."""

import torch
from transformers import BartConfig, BartForConditionalGeneration

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.specs import BartArchitecture


def create_bart(
    architecture: BartArchitecture, tokenizer: Tokenizer, seed: int
) -> BartForConditionalGeneration:
    """A BART with random weights (Lewis et al. 2020), its vocabulary that of `tokenizer`."""
    torch.manual_seed(seed)
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=tokenizer.vocabulary_size,
            d_model=architecture.d_model,
            encoder_layers=architecture.encoder_layers,
            decoder_layers=architecture.decoder_layers,
            encoder_attention_heads=architecture.attention_heads,
            decoder_attention_heads=architecture.attention_heads,
            encoder_ffn_dim=architecture.ffn_dim,
            decoder_ffn_dim=architecture.ffn_dim,
            max_position_embeddings=architecture.max_positions,
            dropout=architecture.dropout,
            init_std=architecture.init_std,
            bos_token_id=tokenizer.bos,
            pad_token_id=tokenizer.pad,
            eos_token_id=tokenizer.eos,
            decoder_start_token_id=tokenizer.eos,
            forced_eos_token_id=tokenizer.eos,
        )
    )
