"""Inference: the logits of a plain forward pass, whatever is in the batch."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from maskpolicy.models import inference
from maskpolicy.models.bert import create_encoder
from maskpolicy.models.encoder import load_sequence_classifier
from maskpolicy.models.inference import EncoderInference, SequenceInference
from maskpolicy.models.layout import Segments, SequenceLayout


@pytest.fixture(params=("bert", "roberta"))
def classifier(request, architecture, wordpiece, tmp_path):
    create_encoder(architecture(request.param), wordpiece, seed=2).save_pretrained(tmp_path)
    return load_sequence_classifier(tmp_path, 3, seed=0)


@pytest.fixture(params=("texts", "pairs"))
def inputs(request, classifier, wordpiece):
    random = np.random.default_rng(0)

    def segments(longest):
        sizes = random.integers(1, longest, size=30)
        ids = random.integers(5, wordpiece.vocabulary_size, size=sizes.sum())
        return Segments(ids, np.concatenate([[0], np.cumsum(sizes)]))

    separators = 2 if classifier.config.model_type == "roberta" else 1
    layout = SequenceLayout(wordpiece.bos, wordpiece.eos, wordpiece.pad, separators, 24)
    return layout.arrange(segments(9), segments(12) if request.param == "pairs" else None)


def one_by_one(model, inputs):
    """Plain forward passes of one sequence each, in double precision, with BERT's segment ids."""
    model = deepcopy(model).double().eval()
    logits = []
    for ids, length, second in zip(inputs.ids, inputs.lengths, inputs.second, strict=True):
        arguments = {"input_ids": torch.from_numpy(ids[None, :length].astype(np.int64))}
        if model.config.model_type == "bert":
            arguments["token_type_ids"] = (torch.arange(length) >= second).long()[None]
        with torch.no_grad():
            logits.append(model(**arguments).logits[0].numpy())
    return np.array(logits)


@pytest.mark.parametrize("budget", (30, 4096))
def test_outputs_are_those_of_plain_forward_passes(classifier, inputs, budget, monkeypatch):
    monkeypatch.setitem(inference.TOKENS_PER_FORWARD, "cpu", budget)
    reader = SequenceInference(classifier)
    outputs, exact = reader.outputs(inputs), reader.exact.outputs(inputs)
    expected = one_by_one(classifier, inputs)
    assert np.abs(outputs - expected).max() < 1e-5
    assert np.abs(exact - expected).max() < 1e-12
    assert reader.probabilities(inputs).sum(axis=1) == pytest.approx(1)


def test_reading_leaves_the_model_as_it_is(classifier, inputs):
    classifier.train()
    weights = SequenceInference(classifier).model.state_dict()
    logits = classifier(input_ids=torch.tensor([[2, 7, 3]])).logits
    assert classifier.training and logits.requires_grad and logits.shape == (1, 3)
    shared = {weight.data_ptr() for weight in weights.values()}
    assert {weight.data_ptr() for weight in classifier.parameters()} <= shared


def test_every_sequence_is_read_once(classifier, inputs, monkeypatch):
    monkeypatch.setitem(inference.TOKENS_PER_FORWARD, "cpu", 50)
    batches = list(EncoderInference(classifier).forward(inputs))
    assert sorted(np.concatenate([chosen for chosen, _ in batches]).tolist()) == list(range(30))
    assert all(inputs.lengths[chosen].max() * len(chosen) <= 50 for chosen, _ in batches)
