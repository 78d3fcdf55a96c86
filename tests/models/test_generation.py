"""Decoding: deterministic, in the order of the sources, bounded, the same in any batch."""

import pytest

from maskpolicy.models.generation import generate
from maskpolicy.models.specs import Generation


class Letters:
    """A tokenizer whose ids 5… are letters."""

    bos, pad, eos, ends = 0, 1, 2, 2

    def decode(self, ids):
        return "".join(chr(ord("a") + i - 5) for i in ids if i > 4)


SOURCES = [[0, 5 + i, *range(6, 6 + i), 2] for i in range(7)]


@pytest.fixture
def model(make_tiny_bart):
    """A model whose predictions depend on the source; with small or tied weights they do not."""
    return make_tiny_bart(init_std=1.0, tie_word_embeddings=False).eval()


@pytest.mark.parametrize("beams", [1, 3])
def test_batches_do_not_change_predictions(model, beams):
    one_by_one = Generation(beams=beams, max_length=6, batch_size=1)
    together = Generation(beams=beams, max_length=6, batch_size=4)
    predictions = generate(model, Letters(), SOURCES, one_by_one)
    assert predictions == generate(model, Letters(), SOURCES, together)
    assert len(predictions) == len(SOURCES) and len(set(predictions)) > 4


def test_beams_find_other_predictions(model):
    greedy, beams = (
        generate(model, Letters(), SOURCES, Generation(beams=n, max_length=6)) for n in (1, 3)
    )
    assert greedy != beams


def test_the_length_is_bounded(model):
    for length in (2, 9):
        predictions = generate(model, Letters(), SOURCES, Generation(max_length=length))
        assert max(map(len, predictions)) == length


def test_predictions_keep_the_order_of_their_sources(model):
    settings = Generation(max_length=6, batch_size=2)
    forward = generate(model, Letters(), SOURCES, settings)
    assert generate(model, Letters(), SOURCES[::-1], settings) == forward[::-1]
    assert forward != forward[::-1]
