"""Encoders of a few thousand parameters."""

import pytest

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.specs import EncoderArchitecture


@pytest.fixture(scope="session")
def wordpiece(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture
def architecture():
    def make(family="bert", **sizes):
        return EncoderArchitecture(
            family=family,
            **{
                "hidden_size": 16,
                "layers": 2,
                "attention_heads": 2,
                "ffn_dim": 32,
                "init_std": 0.2,
                "max_positions": 24,
            }
            | sizes,
        )

    return make
