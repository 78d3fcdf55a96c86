"""Selective masking: what the selector finds, within its limit, the same in any batch and epoch."""

import numpy as np
import pytest
import torch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.decisions.base import Address
from maskpolicy.errors import ArtefactError
from maskpolicy.models import inference
from maskpolicy.models.encoder import load_token_classifier
from maskpolicy.policies import specs
from maskpolicy.policies.registry import build_policy
from maskpolicy.policies.selective.selector import SELECTOR, Selector

ADDRESS = Address(seed=0, corpus="corpus", policy="selective", epoch=0)


@pytest.fixture(scope="module")
def make_policy(encoder_folder, wordpiece_folder, tmp_path_factory):
    """A policy whose selector is untrained: half of the tokens are important, at random."""
    tokenizer = load_tokenizer(wordpiece_folder)

    def make(share=None, unit="token"):
        networks = tmp_path_factory.mktemp("networks")
        model = load_token_classifier(encoder_folder, 2, seed=4)
        with torch.no_grad():  # a fresh head is small: make its opinions clear
            model.classifier.weight.mul_(50)
        model.save_pretrained(networks / "reviews")
        Selector(
            preset="paper",
            largest_share=share,
            max_length=12,
            bos=tokenizer.bos,
            eos=tokenizer.eos,
            pad=tokenizer.pad,
            vocabulary_size=tokenizer.vocabulary_size,
        ).write(networks / "reviews" / SELECTOR)
        spec = specs.Selective(kind="selective", network="reviews", unit=unit)
        return build_policy(spec, networks=networks)

    return make


@pytest.fixture
def rows():
    random = np.random.default_rng(1)
    sizes = random.integers(1, 40, size=60)
    return [random.integers(5, 29, size=n).tolist() for n in sizes]


@pytest.fixture
def batch(rows):
    random = np.random.default_rng(2)
    sentences = [[i == 0 or random.random() < 0.15 for i in range(len(row))] for row in rows]
    words = [
        [first or random.random() < 0.6 for first in some] for some in sentences
    ]  # sentences begin words
    return TokenBatch.from_lists(rows, sentence_start=sentences, word_start=words)


def sentences_of(batch):
    starts = batch.sentence_start.copy()
    starts[batch.offsets[:-1]] = True
    return np.split(np.arange(len(starts)), np.flatnonzero(starts)[1:])


def logits_of(policy, batch):
    """Each sentence read alone, in pieces of ten tokens, in double precision: float64 [T, 2]."""
    model = policy.inference.exact.model
    logits = []
    for sentence in sentences_of(batch):
        for i in range(0, len(sentence), 10):
            ids = [2, *batch.input_ids[sentence[i : i + 10]].tolist(), 3]
            with torch.no_grad():
                logits.append(model(input_ids=torch.tensor([ids])).logits[0, 1:-1].numpy())
    return np.concatenate(logits)


def test_the_important_tokens_are_masked(make_policy, batch):
    policy = make_policy()
    mask = policy.decide(batch, ADDRESS).mask
    logits = logits_of(policy, batch)
    assert 0.2 < mask.mean() < 0.8
    assert np.array_equal(mask, logits[:, 1] > logits[:, 0])
    assert policy.decide(batch, ADDRESS).insertions is None


def test_whole_words_are_masked(make_policy, batch):
    tokens = make_policy().decide(batch, ADDRESS).mask
    words = make_policy(unit="word").decide(batch, ADDRESS).mask
    number = np.cumsum(batch.word_start)
    assert np.array_equal(words, np.isin(number, number[tokens]))
    assert words.sum() > tokens.sum()


@pytest.mark.parametrize("unit", ("token", "word"))
def test_the_limit_keeps_the_best_of_each_sentence(make_policy, batch, unit):
    """The released scripts: the first max(1, int(0.15 n)) of a sentence by the logit of class 1."""
    policy = make_policy(share=0.15, unit=unit)
    mask = policy.decide(batch, ADDRESS).mask
    logits = logits_of(policy, batch)
    word = np.cumsum(batch.word_start) if unit == "word" else np.arange(len(mask))
    for sentence in sentences_of(batch):
        limit = max(1, int(0.15 * len(sentence)))
        important = [i for i in sentence if logits[i, 1] > logits[i, 0]]
        expected: list[int] = []
        for i in sorted(important, key=lambda i: logits[i, 1], reverse=True):
            whole = [j for j in sentence if word[j] == word[i]]
            if i not in expected and (not expected or len(expected) + len(whole) <= limit):
                expected += whole
        assert np.flatnonzero(mask[sentence]).tolist() == sorted(expected - sentence[0])


@pytest.mark.parametrize("share", (None, 0.15))
def test_decisions_do_not_depend_on_batches(make_policy, batch, rows, share, monkeypatch):
    whole = make_policy(share).decide(batch, ADDRESS).mask
    for size, budget in ((1, 4096), (7, 30)):
        monkeypatch.setitem(inference.TOKENS_PER_FORWARD, "cpu", budget)
        policy = make_policy(share)
        parts = [
            policy.decide(TokenBatch(batch.tokens.slice(i, size)), ADDRESS).mask
            for i in range(0, len(rows), size)
        ]
        assert np.array_equal(np.concatenate(parts), whole)


def test_nearly_equal_logits_are_computed_in_double_precision(make_policy, batch):
    """Make one token's logits equal: its decision is that of double precision in any batch."""
    policy = make_policy()
    logits = logits_of(policy, batch)
    closest = np.argmin(np.abs(logits[:, 1] - logits[:, 0]))
    shift = float(logits[closest, 0] - logits[closest, 1])
    for model in (policy.inference.model, policy.inference.exact.model):
        with torch.no_grad():
            model.classifier.bias[1] += shift
    expected = logits_of(policy, batch)
    expected = expected[:, 1] > expected[:, 0]
    wholes = policy.decide(batch, ADDRESS).mask
    alone = [
        policy.decide(TokenBatch(batch.tokens.slice(i, 1)), ADDRESS).mask for i in range(len(batch))
    ]
    assert np.array_equal(wholes, np.concatenate(alone))
    clear = np.arange(len(wholes)) != closest
    assert np.array_equal(wholes[clear], expected[clear])


def test_a_batch_is_read_once_for_all_epochs(make_policy, batch):
    policy = make_policy()
    masks = [policy.decide(batch, ADDRESS).mask]
    del policy.inference  # what reads
    masks += [
        policy.decide(batch, Address(0, "corpus", "selective", epoch)).mask for epoch in (1, 2)
    ]
    assert all(np.array_equal(masks[0], mask) for mask in masks)
    masks[0][:] = True  # what a caller does to its mask is nobody else's
    assert np.array_equal(policy.decide(batch, ADDRESS).mask, masks[1])


def test_an_empty_batch_and_an_empty_row(make_policy):
    policy = make_policy()
    assert len(policy.decide(TokenBatch.from_lists([]), ADDRESS).mask) == 0
    assert len(policy.decide(TokenBatch.from_lists([[], [7], []]), ADDRESS).mask) == 1


def test_tokens_of_another_tokenizer_are_refused(make_policy):
    with pytest.raises(ArtefactError, match="trained with another tokenizer"):
        make_policy().decide(TokenBatch.from_lists([[5, 900]]), ADDRESS)


def test_the_network_is_named(make_policy, tmp_path):
    spec = specs.Selective(kind="selective", network="nowhere")
    assert spec.networks == ("nowhere",)
    with pytest.raises(ArtefactError, match=r"nowhere/selector\.json"):
        build_policy(spec, networks=tmp_path)
