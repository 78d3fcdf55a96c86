"""Marking: whose important tokens are looked for, stop words, and texts with several aspects."""

from dataclasses import replace

import numpy as np
import pytest

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.learning.selective.marking import mark_texts, stop_words
from maskpolicy.learning.selective.specs import PRESETS
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.training.finetune import fit_task
from maskpolicy.training.specs import EncoderTraining

LABELS = ("negative", "positive")
PRAISE_AND_BLAME = ("superb", "funny", "touching", "fresh", "awful", "dull", "silly", "stale")


@pytest.fixture(scope="module")
def tokenizer(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture(scope="module")
def classifier(encoder_folder, tokenizer, reviews):
    training = EncoderTraining(learning_rate=1e-2, batch_size=20, epochs=8, max_length=24)
    classifier = Classifier.load(encoder_folder, tokenizer, LABELS, training.max_length, 0)
    train, dev = reviews(200, 0), reviews(40, 1)
    fit_task(classifier, train, dev, training.on(len(train)), seed=0, title="t")
    return classifier


def marked_words(marked, tokenizer):
    """The important tokens of each text, as strings."""
    ids = np.split(marked.texts.ids, marked.texts.offsets[1:-1])
    flags = np.split(marked.important, marked.texts.offsets[1:-1])
    pieces = tokenizer.backend.id_to_token
    return [
        [pieces(int(i)) for i, flag in zip(text, some, strict=True) if flag]
        for text, some in zip(ids, flags, strict=True)
    ]


def test_the_words_that_decide_are_found(classifier, tokenizer, reviews):
    examples = reviews(60, 2)
    marked, counts = mark_texts(classifier, tokenizer, examples, PRESETS["released"], "t")
    assert counts.examples == counts.texts == 60 and counts.cut == 0
    assert counts.tokens == len(marked.important) == marked.texts.offsets[-1]
    assert counts.important == marked.important.sum()
    telling = sum(
        any(w in PRAISE_AND_BLAME for w in words) for words in marked_words(marked, tokenizer)
    )
    assert telling > 0.8 * counts.correct > 40


def test_wrong_texts_have_no_important_tokens_as_released(classifier, tokenizer, reviews):
    examples = reviews(30, 3)
    predicted = classifier.predict(classifier.encode(examples))
    wrong = [
        replace(e, label=LABELS[p == "negative"]) for e, p in zip(examples, predicted, strict=True)
    ]
    marked, counts = mark_texts(classifier, tokenizer, wrong, PRESETS["released"], "t")
    assert counts.correct == 0 and not marked.important.any()
    every_score = replace(PRESETS["paper"], threshold=1.1)
    marked, counts = mark_texts(classifier, tokenizer, wrong, every_score, "t")
    assert counts.correct == 0 and marked.important.all()


def test_stop_words_are_whole_tokens(tokenizer):
    texts = ["The film IS overrated , and awfully dull .", "of"]
    aligned = align(tokenizer, texts)
    flags = stop_words(aligned, texts)
    pieces = [tokenizer.backend.id_to_token(int(i)) for i in aligned.ids]
    assert [p for p, flag in zip(pieces, flags, strict=True) if flag] == [
        *("the", "is", "over", "and", "of")
    ]


def test_a_text_is_marked_once_for_all_its_aspects(encoder_folder, tokenizer, classifier, reviews):
    text = "the plot is dull and the cast is funny"
    aspects = [
        ClassificationExample("1/1", "plot", text, "negative"),
        ClassificationExample("2/1", "film", "it is fresh", "positive"),
        ClassificationExample("1/2", "the cast", text, "positive"),
    ]
    preset = replace(PRESETS["paper"], threshold=0.01)
    marked, counts = mark_texts(classifier, tokenizer, aspects, preset, "t")
    assert (counts.examples, counts.texts) == (3, 2)
    one, other = (
        mark_texts(classifier, tokenizer, [aspects[i]], preset, "t")[0].important for i in (0, 2)
    )
    assert np.array_equal(marked.important[:9], one | other)
    assert len(marked.texts) == 2 and marked.texts.offsets.tolist() == [0, 9, 12]


def test_what_the_classifier_cannot_see_is_never_important(encoder_folder, tokenizer):
    model = load_sequence_classifier(encoder_folder, 2, seed=0)
    classifier = Classifier(model, tokenizer, sequence_layout(model, tokenizer, 8), LABELS)
    example = ClassificationExample("1", " ".join(["film"] * 20), None, "positive")
    preset = replace(PRESETS["paper"], threshold=2.0)
    marked, counts = mark_texts(classifier, tokenizer, [example], preset, "t")
    assert counts.cut == 1
    assert marked.important.tolist() == [True] * 6 + [False] * 14
