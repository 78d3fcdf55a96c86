"""The meta-learned policy: addressed, of whole words, the same in any company."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.heuristic_cases import per_row, random_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.errors import ArtefactError
from maskpolicy.policies.meta.network import MaskingNetwork
from maskpolicy.policies.registry import build_policy
from maskpolicy.policies.specs import MetaLearned
from maskpolicy.policies.token_network import save_network, score_tokens

VOCABULARY = 60


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder with the network "qa", which masks about a fifth of random tokens."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "qa").mkdir()
    torch.manual_seed(0)
    network = MaskingNetwork(VOCABULARY, 16)
    with torch.no_grad():
        network.heads.weight.mul_(6)
        network.heads.bias.copy_(torch.tensor([0.0, -2.5]))
    save_network(network, folder / "qa")
    return folder


@pytest.fixture(scope="module")
def policies(networks):
    return {
        choice: build_policy(spec(choice), networks=networks) for choice in ("sampled", "greedy")
    }


def spec(choice="sampled"):
    return MetaLearned(kind="meta", network="qa", choice=choice)


def log_odds(policy, batch):
    keep, mask = score_tokens(policy.network, batch.offsets, batch.input_ids)
    return mask - keep


def test_greedy_decisions_are_the_likelier_half(policies):
    batch = random_batch([40] * 30, vocabulary=VOCABULARY)
    likely = log_odds(policies["greedy"], batch) > 0
    mask = policies["greedy"].decide(batch, Address(0, "corpus", "greedy", 0)).mask
    later = policies["greedy"].decide(batch, Address(0, "corpus", "greedy", 1)).mask
    extreme = [row.mean() > 0.4 for row in per_row(batch, likely)]
    for row, wanted, again, limited in zip(
        per_row(batch, mask), per_row(batch, likely), per_row(batch, later), extreme, strict=True
    ):
        assert np.array_equal(row, again)
        if not limited:
            assert (row >= wanted).all()
    assert not all(extreme)
    assert 0.05 < mask.mean() < 0.5


def test_greedy_decisions_are_limited_the_same_in_every_epoch(policies, monkeypatch):
    policy, batch = policies["greedy"], random_batch([40] * 5, vocabulary=VOCABULARY)
    monkeypatch.setattr(policy, "_ask", lambda batch: np.ones(len(batch.input_ids), np.float32))
    masks = [policy.decide(batch, Address(0, "corpus", "greedy", epoch)).mask for epoch in (0, 1)]
    assert np.array_equal(*masks)
    assert 0 < masks[0].mean() < 0.3


def test_sampled_decisions_follow_the_network(policies):
    """Single-token words, so that nothing is expanded: rates are the network's probabilities."""
    policy = policies["sampled"]
    batch = TokenBatch.from_lists([list(range(40))] * 20)
    chances = 1 / (1 + np.exp(-log_odds(policy, batch)[:40].astype(float)))
    epochs = [policy.decide(batch, Address(0, "corpus", "sampled", e)).mask for e in range(40)]
    rates = np.mean([mask.reshape(20, 40) for mask in epochs], axis=(0, 1))
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.abs(rates - chances).max() < 0.08


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_decisions_do_not_depend_on_the_company_of_a_row(policies, data):
    lengths = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=12))
    batch = random_batch(lengths, data.draw(st.integers(0, 5)), VOCABULARY)
    policy, address = policies["sampled"], Address(3, "corpus", "meta", 1)
    mask = policy.decide(batch, address).mask
    cut = data.draw(st.integers(0, len(lengths)))
    parts = [TokenBatch(batch.tokens.slice(0, cut)), TokenBatch(batch.tokens.slice(cut))]
    split = [policy.decide(part, address).mask for part in parts if len(part)]
    assert np.array_equal(np.concatenate(split), mask)


def test_the_network_runs_once_a_batch(policies, monkeypatch):
    policy, batch = policies["sampled"], random_batch([20] * 4, vocabulary=VOCABULARY)
    policy.decide(batch, Address(0, "corpus", "meta", 0))
    monkeypatch.setattr(policy, "_ask", None)
    policy.decide(batch, Address(0, "corpus", "meta", 1))


def test_it_names_its_network():
    assert spec().networks == ("qa",)


def test_tokens_of_another_tokenizer_are_refused(policies):
    batch = TokenBatch.from_lists([[3, 60]])
    with pytest.raises(ArtefactError, match="60 tokens, but the shard has token 60"):
        policies["sampled"].decide(batch, Address(0, "corpus", "m", 0))
    empty = TokenBatch.from_lists([[]])
    assert len(policies["sampled"].decide(empty, Address(0, "corpus", "m", 0)).mask) == 0
