"""Decoding: deterministic, in the order of the sources, bounded, the same in any batch."""

import pytest

from maskpolicy.evaluation.generation import generate
from maskpolicy.evaluation.specs import Generation


class Letters:
    """A tokenizer whose ids 5… are letters."""

    pad = 1

    def decode(self, ids):
        return "".join(chr(ord("a") + i - 5) for i in ids if i > 4)


SOURCES = [[0, 5 + i, *range(6, 6 + i), 2] for i in range(7)]


@pytest.mark.parametrize("beams", [1, 3])
def test_batches_do_not_change_predictions(tiny_bart, beams):
    one_by_one = Generation(beams=beams, max_length=6, batch_size=1)
    together = Generation(beams=beams, max_length=6, batch_size=4)
    predictions = generate(tiny_bart, Letters(), SOURCES, one_by_one)
    assert predictions == generate(tiny_bart, Letters(), SOURCES, together)
    assert len(predictions) == len(SOURCES)


def test_the_length_is_bounded(tiny_bart):
    for length in (2, 9):
        predictions = generate(tiny_bart, Letters(), SOURCES, Generation(max_length=length))
        assert max(map(len, predictions)) <= length


def test_predictions_keep_the_order_of_their_sources(tiny_bart):
    settings = Generation(max_length=6, batch_size=2)
    forward = generate(tiny_bart, Letters(), SOURCES, settings)
    assert generate(tiny_bart, Letters(), SOURCES[::-1], settings) == forward[::-1]
