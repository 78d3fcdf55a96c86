"""A model, triples and a task small enough for second derivatives in double precision."""

from pathlib import Path

import pytest
import torch

from maskpolicy.learning.meta.inner_loss import InnerLoss
from maskpolicy.models.batches import Batch

VOCABULARY, MASK = 60, 4


@pytest.fixture
def make_inner_loss(make_tiny_bart):
    """The inner loss of a one-layer BART with weights large enough for curvature."""

    def make(dtype=torch.float64, tied=True, dropout=0.0):
        model = make_tiny_bart(VOCABULARY, dropout, init_std=0.2, tie_word_embeddings=tied)
        return InnerLoss(model.to(dtype), MASK)

    return make


@pytest.fixture
def inner_loss(make_inner_loss):
    return make_inner_loss()


@pytest.fixture
def pretrain():
    """Three contexts between <s> and </s>, the second one padded."""
    torch.manual_seed(1)
    ids = torch.randint(5, VOCABULARY, (3, 12))
    ids[:, 0], ids[:, -1] = 0, 2
    ids[1, 9], ids[1, 10:] = 2, 1
    return Batch(ids, ids)


@pytest.fixture
def finetune():
    torch.manual_seed(2)
    source, target = (torch.randint(5, VOCABULARY, (3, n)) for n in (7, 4))
    source[2, 5:], target[0, 3:] = 1, 1
    return Batch(source, target)


@pytest.fixture
def decisions(pretrain):
    """Soft decisions of two pre-train steps: float64 [2, 3, 12], 0 at special tokens."""
    torch.manual_seed(3)
    return torch.rand(2, 3, 12, dtype=torch.float64) * (pretrain.source > MASK)


@pytest.fixture
def checkpoint(make_tiny_bart, tmp_path) -> Path:
    folder = tmp_path / "checkpoint"
    make_tiny_bart(vocab_size=320, dropout=0.1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(make_task) -> Path:
    return make_task(train=24, dev=8, test=8)
