"""The likelihood of given texts: what the model's own loss says of them, in any batch."""

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from maskpolicy.models.likelihood import log_likelihoods


class Ids:
    """The special tokens of a tokenizer."""

    pad, eos = 1, 2

    def __init__(self, bos=0):
        self.bos = bos


SOURCES = [[0, 5 + i, *range(6, 6 + i), 2] for i in range(6)]
CHOICES = [[[0, *range(9, 9 + n + i), 2] for n in range(i % 4)] for i in range(6)]


@pytest.fixture
def model(make_tiny_bart):
    return make_tiny_bart(init_std=1.0, tie_word_embeddings=False).eval()


def test_they_are_the_losses_of_the_model(model):
    found = log_likelihoods(model, Ids(), SOURCES, CHOICES, 4)
    for source, choices, likelihoods in zip(SOURCES, CHOICES, found, strict=True):
        for ids, likelihood in zip(choices, likelihoods, strict=True):
            labels = torch.tensor([ids])
            labels[0, 0] = -100  # all choices begin with BOS
            decoder = torch.tensor([[model.config.decoder_start_token_id, *ids[:-1]]])
            loss = model(
                input_ids=torch.tensor([source]), decoder_input_ids=decoder, labels=labels
            ).loss
            assert likelihood == pytest.approx(-loss.item() * (len(ids) - 1), rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batches_do_not_change_them(model, batch_size):
    together = log_likelihoods(model, Ids(), SOURCES, CHOICES, 100)
    split = log_likelihoods(model, Ids(), SOURCES[::-1], CHOICES[::-1], batch_size)[::-1]
    assert [len(some) for some in split] == [len(some) for some in CHOICES]
    for some, others in zip(together, split, strict=True):
        assert some == pytest.approx(others, rel=1e-4)


def test_without_bos_every_token_counts():
    torch.manual_seed(0)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    ids = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    model = T5ForConditionalGeneration(T5Config(vocab_size=40, **sizes, **ids)).eval()
    source, choices = [5, 6, 2], [[7, 2], [8, 9, 2]]
    (found,) = log_likelihoods(model, Ids(bos=None), [source], [choices], 8)
    for choice, likelihood in zip(choices, found, strict=True):
        loss = model(input_ids=torch.tensor([source]), labels=torch.tensor([choice])).loss
        assert likelihood == pytest.approx(-loss.item() * len(choice), rel=1e-4)
