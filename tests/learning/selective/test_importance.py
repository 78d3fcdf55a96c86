"""Important tokens: the decisions of the plain loop of Gu et al. 2020, whatever the batches."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.learning.selective import importance
from maskpolicy.learning.selective.importance import LabelProbabilities, find_important_tokens
from maskpolicy.models import inference
from maskpolicy.models.bert import create_encoder
from maskpolicy.models.classifier import encode_examples
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.specs import EncoderArchitecture
from maskpolicy.sources.base import ClassificationExample


@pytest.fixture(scope="module")
def tokenizer(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture(scope="module", params=("bert", "roberta"))
def classifier(request, tokenizer, tmp_path_factory):
    """An untrained classifier of large weights: probabilities differ from buffer to buffer."""
    folder = tmp_path_factory.mktemp("classifier")
    architecture = EncoderArchitecture(
        family=request.param,
        hidden_size=16,
        layers=2,
        attention_heads=2,
        ffn_dim=32,
        init_std=0.6,
        max_positions=32,
    )
    create_encoder(architecture, tokenizer, seed=3).save_pretrained(folder)
    return load_sequence_classifier(folder, 3, seed=1)


@pytest.fixture(params=("texts", "pairs"))
def examples(request, reviews):
    texts = reviews(40, seed=5)
    if request.param == "texts":
        return texts
    return [ClassificationExample(e.id, "the cast", e.text, e.label) for e in texts]


def plain_loop(model, ids, begin, end, second, label, threshold):
    """Gu et al. 2020, 2.2, a sentence and a token at a time: positions of important tokens.

    ids: one rendered input without padding; its tokens begin:end are walked.
    """

    def probability(sequence):
        arguments = {"input_ids": torch.tensor([sequence])}
        if model.config.model_type == "bert":
            arguments["token_type_ids"] = (torch.arange(len(sequence)) >= second).long()[None]
        with torch.no_grad():
            return model(**arguments).logits.softmax(-1)[0, label].item()

    whole = probability(ids)
    buffer, important = ids[:begin], []
    for position in range(begin, end):
        buffer = [*buffer, ids[position]]
        if whole - probability([*buffer, ids[-1]]) < threshold:
            important.append(position)
            buffer.pop()
    return important


def walk(classifier, tokenizer, examples, threshold, chosen=None):
    layout = sequence_layout(classifier, tokenizer, 32)
    inputs = encode_examples(examples, tokenizer, layout)
    labels = np.arange(len(examples)) % 3
    texts = np.arange(len(examples)) if chosen is None else np.array(chosen)
    begins = np.ones(len(texts), np.int32) if examples[0].pair is None else inputs.second[texts]
    probabilities = LabelProbabilities(SequenceInference(classifier), inputs, labels)
    found = find_important_tokens(probabilities, texts, begins, layout.eos, threshold, "t")
    return inputs, labels, begins, found


@pytest.mark.parametrize("threshold", (0.05, -0.1))
def test_decisions_are_those_of_the_plain_loop(classifier, tokenizer, examples, threshold):
    inputs, labels, begins, found = walk(classifier, tokenizer, examples, threshold)
    share = found.sum() / (inputs.lengths - 1 - begins).sum()
    assert 0.1 < share < 0.9  # both decisions occur often
    exact = deepcopy(classifier).double().eval()
    for i, length in enumerate(inputs.lengths):
        ids = inputs.ids[i, :length].tolist()
        expected = plain_loop(
            exact, ids, int(begins[i]), length - 1, int(inputs.second[i]), labels[i], threshold
        )
        assert np.flatnonzero(found[i]).tolist() == expected


def test_decisions_do_not_depend_on_batches(classifier, tokenizer, examples, monkeypatch):
    *_, together = walk(classifier, tokenizer, examples, 0.05)
    monkeypatch.setitem(inference.TOKENS_PER_FORWARD, "cpu", 1)
    *_, alone = walk(classifier, tokenizer, examples, 0.05)
    assert np.array_equal(together, alone)


def test_only_the_texts_asked_for_are_walked(classifier, tokenizer, examples):
    *_, all_of_them = walk(classifier, tokenizer, examples, 0.05)
    inputs, _, _, some = walk(classifier, tokenizer, examples, 0.05, chosen=[7, 3])
    width = inputs.lengths[[7, 3]].max()
    assert np.array_equal(some, all_of_them[[7, 3], :width])


def test_scores_at_the_threshold_are_computed_in_double_precision(
    classifier, tokenizer, examples, monkeypatch
):
    """With a threshold that equals a score, single precision would decide by its rounding."""
    layout = sequence_layout(classifier, tokenizer, 32)
    inputs = encode_examples(examples, tokenizer, layout)
    labels = np.zeros(len(examples), np.int64)
    texts = np.arange(len(examples))
    parts = inputs.take(texts[::-1])

    def scores(threshold):
        reader = SequenceInference(classifier)
        return LabelProbabilities(reader, inputs, labels).scores(texts, parts, threshold)

    exact = SequenceInference(classifier).exact
    expected = exact.probabilities(inputs)[:, 0] - exact.probabilities(parts)[:, 0]
    threshold = float(expected[0])
    near = np.abs(expected - threshold) < 0.5 * importance.MARGIN
    found = scores(threshold)
    assert near.any() and np.abs(found - expected)[near].max() < 1e-12
    assert np.array_equal(found < threshold - 1e-12, expected < threshold - 1e-12)
    # The margin is wide: single precision errs far less.
    assert np.abs(scores(10.0) - expected).max() < importance.MARGIN / 20


def test_predictions_are_the_most_probable_classes(classifier, tokenizer, examples):
    layout = sequence_layout(classifier, tokenizer, 32)
    inputs = encode_examples(examples, tokenizer, layout)
    reader = SequenceInference(classifier)
    found = LabelProbabilities(reader, inputs, np.zeros(40, np.int64)).predictions()
    assert np.array_equal(found, reader.exact.probabilities(inputs).argmax(1))
