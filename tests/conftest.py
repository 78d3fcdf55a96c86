"""Fixtures that several rooms share: small, made here, nothing fetched."""

import pytest


@pytest.fixture
def make_tiny_bart():
    """A BART of a few thousand parameters, always with the same initial weights."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    def make(vocab_size=40, dropout=0.0):
        torch.manual_seed(0)
        return BartForConditionalGeneration(
            BartConfig(
                vocab_size=vocab_size,
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                max_position_embeddings=64,
                dropout=dropout,
                init_std=0.06,
            )
        )

    return make


@pytest.fixture
def tiny_bart(make_tiny_bart):
    """The tiny BART, ready to evaluate."""
    return make_tiny_bart().eval()
