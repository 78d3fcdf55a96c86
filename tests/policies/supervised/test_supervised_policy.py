"""The supervised policy: the best span, or one of the best five; the network runs once a batch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.heuristic_cases import per_row, random_batch

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.policies.registry import build_policy
from maskpolicy.policies.specs import Component, Mixture, RandomTokens, Supervised
from maskpolicy.policies.supervised.network import SpanNetwork
from maskpolicy.policies.supervised.ranking import rank_spans
from maskpolicy.policies.token_network import save_network, score_tokens

VOCABULARY = 60


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder with the network "qa"; its weights are random, and large so that logits differ."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "qa").mkdir()
    torch.manual_seed(0)
    network = SpanNetwork(VOCABULARY, 16)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    save_network(network, folder / "qa")
    return folder


@pytest.fixture(scope="module")
def policies(networks):
    return {top: build_policy(spec(top=top), networks=networks) for top in (1, 5)}


def spec(**options):
    return Supervised(kind="supervised", **{"network": "qa", "max_span_length": 4} | options)


def best_spans(policy, batch):
    start, end = score_tokens(policy.network, batch.offsets, batch.input_ids)
    return rank_spans(batch.offsets, batch.word_start, start, end, 4, 5)


def test_top1_masks_the_best_span_in_every_epoch(policies):
    batch = random_batch([12, 1, 0, 30, 7], vocabulary=VOCABULARY)
    ranked = best_spans(policies[1], batch)
    for epoch in range(3):
        decisions = policies[1].decide(batch, Address(0, "corpus", "top1", epoch))
        for b, row in enumerate(per_row(batch, decisions.mask)):
            masked = range(ranked.start[b, 0], ranked.end[b, 0]) if ranked.count[b] else ()
            assert np.flatnonzero(row).tolist() == list(masked)


def test_top5_draws_each_of_the_best_five_equally_often(policies):
    batch = random_batch([25] * 40, vocabulary=VOCABULARY)
    ranked = best_spans(policies[5], batch)
    drawn = np.zeros(5)
    for epoch in range(50):
        decisions = policies[5].decide(batch, Address(3, "corpus", "top5", epoch))
        for b, row in enumerate(per_row(batch, decisions.mask)):
            masked = np.flatnonzero(row)
            spans = zip(ranked.start[b], ranked.end[b], strict=True)
            drawn[list(spans).index((masked[0], masked[-1] + 1))] += 1
    # 2,000 draws: each share is 0.2 with a standard deviation of 0.009.
    assert np.abs(drawn / drawn.sum() - 0.2).max() < 0.04


@given(
    lengths=st.lists(st.integers(0, 20), min_size=1, max_size=8),
    epoch=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=15)
def test_rows_decide_alone(policies, lengths, epoch, seed):
    """Neither the other rows of the batch nor their order matters."""
    batch, address = random_batch(lengths, seed, VOCABULARY), Address(1, "corpus", "top5", epoch)
    order = np.random.default_rng(seed).permutation(len(lengths))[: 1 + len(lengths) // 2]
    some = TokenBatch(batch.tokens.take(order))
    whole = per_row(batch, policies[5].decide(batch, address).mask)
    for i, row in zip(order, per_row(some, policies[5].decide(some, address).mask), strict=True):
        assert np.array_equal(row, whole[i])


def test_epochs_share_one_run_of_the_network(policies):
    runs = []
    hook = policies[5].network.register_forward_hook(lambda *_: runs.append(1))
    batch = random_batch([10] * 5, vocabulary=VOCABULARY)
    masks = [
        policies[5].decide(batch, Address(0, "corpus", "top5", epoch)).mask for epoch in range(8)
    ]
    assert len(runs) == 1
    assert len({mask.tobytes() for mask in masks}) > 1
    del batch
    assert not policies[5]._ranked, "spans are forgotten with their batch"
    hook.remove()


def test_bfloat16_decides_nearly_the_same(policies, networks):
    batch = random_batch([20] * 100, vocabulary=VOCABULARY)
    rough = build_policy(spec(precision="bfloat16"), networks=networks)
    masks = [p.decide(batch, Address(0, "corpus", "top1", 0)).mask for p in (policies[1], rough)]
    same = [np.array_equal(a, b) for a, b in zip(*(per_row(batch, m) for m in masks), strict=True)]
    assert np.mean(same) > 0.8


def test_another_tokenizer_is_refused(policies):
    with pytest.raises(ArtefactError, match="knows 60 tokens, but the shard has token 61"):
        policies[1].decide(TokenBatch.from_lists([[61, 3]]), Address(0, "corpus", "top1", 0))


def test_the_networks_of_a_policy_are_named():
    rand = RandomTokens(kind="rand")
    components = [Component(weight=1.0, policy=p) for p in (rand, spec(), spec(network="trivia"))]
    mixture = Mixture(kind="mixture", components=tuple(components))
    assert mixture.networks == ("qa", "trivia")
    assert rand.networks == ()
    with pytest.raises(InputError, match="needs its trained network 'qa'"):
        build_policy(spec())
