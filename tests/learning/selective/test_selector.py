"""The selector: labels where tokens are, F1, and that it learns what is important."""

import numpy as np
import pytest

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.learning.selective.marking import MarkedTexts
from maskpolicy.learning.selective.selector import fit_selector, important_f1, token_labels
from maskpolicy.models.inference import EncoderInference
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.layout import Segments, SequenceLayout
from maskpolicy.policies.selective.selector import IMPORTANT, token_logits
from maskpolicy.training.specs import EncoderTraining


def fit(checkpoint, tokenizer, train, dev, class_weight, training):
    """A selector with seed 0 and its epochs."""
    settings = {"class_weight": class_weight, "training": training, "seed": 0, "title": "t"}
    return fit_selector(checkpoint, tokenizer, train, dev, **settings)


@pytest.fixture(scope="module")
def tokenizer(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture(scope="module")
def marked(tokenizer, reviews):
    """Words of praise and blame are important: the first eight of the vocabulary."""

    def make(number, seed):
        aligned = align(tokenizer, [example.text for example in reviews(number, seed)])
        texts = Segments(aligned.ids, aligned.token_offsets)
        return MarkedTexts(texts, (aligned.ids >= 5) & (aligned.ids < 13))

    return make


def test_labels_stand_where_tokens_are(marked):
    texts = marked(5, 0)
    labels = token_labels(SequenceLayout(2, 3, 0, 1, 7).arrange(texts.texts), texts)
    for row, size, first in zip(
        labels, np.diff(texts.texts.offsets), texts.texts.offsets, strict=False
    ):
        kept = min(size, 5)
        assert row[1 : 1 + kept].tolist() == texts.important[first : first + kept].tolist()
        assert row[0] == IGNORED and (row[1 + kept :] == IGNORED).all()


def test_a_selector_learns_which_tokens_are_important(encoder_folder, tokenizer, marked):
    train, dev = marked(200, 0), marked(40, 1)
    training = EncoderTraining(learning_rate=1e-2, batch_size=20, epochs=3, max_length=24)
    model, epochs = fit(encoder_folder, tokenizer, train, dev, 1.5, training)
    assert max(epoch.dev for epoch in epochs) > 0.95
    layout = SequenceLayout(2, 3, 0, 1, 24)
    reader = EncoderInference(model)
    logits = token_logits(reader, layout, dev.texts)
    found = logits.argmax(1) == IMPORTANT
    precision = (found & dev.important).sum() / found.sum()
    recall = (found & dev.important).sum() / dev.important.sum()
    inputs = layout.arrange(dev.texts)
    f1 = important_f1(reader, inputs, token_labels(inputs, dev))
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1 == pytest.approx(max(epoch.dev for epoch in epochs))


def test_the_class_weight_favours_important_tokens(encoder_folder, tokenizer, marked):
    train, dev = marked(60, 0), marked(40, 1)
    training = EncoderTraining(learning_rate=3e-3, batch_size=20, epochs=1, max_length=24)
    shares = []
    for weight in (0.1, 1.0, 30.0):
        model, _ = fit(encoder_folder, tokenizer, train, dev, weight, training)
        logits = token_logits(EncoderInference(model), SequenceLayout(2, 3, 0, 1, 24), dev.texts)
        shares.append((logits.argmax(1) == IMPORTANT).mean())
    assert shares[0] <= shares[1] < shares[2]


def test_logits_of_tokens_that_were_cut_are_missing(encoder_folder, tokenizer, marked):
    dev = marked(10, 1)
    training = EncoderTraining(learning_rate=1e-3, batch_size=20, epochs=1, max_length=24)
    model, _ = fit(encoder_folder, tokenizer, dev, dev, 1.5, training)
    logits = token_logits(EncoderInference(model), SequenceLayout(2, 3, 0, 1, 6), dev.texts)
    position = np.arange(len(logits)) - np.repeat(
        dev.texts.offsets[:-1], np.diff(dev.texts.offsets)
    )
    assert np.array_equal(np.isnan(logits[:, 0]), position >= 4)
