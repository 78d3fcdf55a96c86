"""A corpus of a few rows, its tokenizer, and a checkpoint: what the training stages read."""

import pytest
import torch.distributed as dist
from support.training import Materials, training_materials

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.checkpoints import save_model


@pytest.fixture
def materials(tmp_path, make_tiny_bart) -> Materials:
    """Forty short documents in two shards, and a tiny BART that knows their tokenizer."""

    def save(tokenizer, checkpoint):
        loaded = load_tokenizer(tokenizer)
        save_model(make_tiny_bart(vocab_size=loaded.vocabulary_size), loaded, checkpoint)

    return training_materials(tmp_path, save)


@pytest.fixture
def one_process_group():
    """A group as torchrun's, of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()
