"""The masking network: the paper's size, no trace of padding; and Gumbel-softmax of two classes."""

import math

import pytest
import torch

from maskpolicy.policies.meta.network import MaskingNetwork, gumbel_decisions, network_on


def test_it_has_the_papers_size_on_bart_base():
    """Ye et al. 2021, section 4.3: 40M parameters of which 39M are the word embeddings."""
    with torch.device("meta"):
        network = MaskingNetwork(50265, 768)
    sizes = [parameter.numel() for parameter in network.parameters()]
    assert network.embeddings.weight.numel() == 50265 * 768
    assert round(network.embeddings.weight.numel() / 1e6) == 39
    assert round(sum(sizes) / 1e6) == 40


def test_padding_has_no_effect():
    torch.manual_seed(0)
    network = MaskingNetwork(50, 16)
    ids = torch.randint(0, 50, (2, 9))
    alone = network(ids[:1, :4], torch.tensor([4]))
    padded = network(ids, torch.tensor([4, 9]))
    assert padded.shape == (2, 9, 2)
    torch.testing.assert_close(padded[:1, :4], alone)


def test_a_token_sees_two_neighbours_to_each_side():
    torch.manual_seed(0)
    network = MaskingNetwork(50, 16)
    ids, lengths = torch.randint(0, 50, (1, 9)), torch.tensor([9])
    changed = ids.clone()
    changed[0, 4] = (ids[0, 4] + 1) % 50
    differs = (network(ids, lengths) != network(changed, lengths)).any(dim=2)[0]
    assert differs.nonzero().flatten().tolist() == [2, 3, 4, 5, 6]


def test_a_new_network_has_the_models_embeddings_and_masks_about_the_budget():
    torch.manual_seed(1)
    embeddings = torch.randn(50, 16) * 0.05
    network = network_on(embeddings, seed=3, budget=0.15)
    assert torch.equal(network.embeddings.weight, embeddings)
    logits = network(torch.randint(0, 50, (4, 30)), torch.tensor([30] * 4))
    assert logits.softmax(dim=2)[..., 1].mean().item() == pytest.approx(0.15, abs=0.03)
    again = network_on(embeddings, seed=3, budget=0.15)
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True)
    )


def test_it_is_gumbel_softmax():
    """The difference of two Gumbel draws is logistic, and softmax of two is the sigmoid of one."""
    torch.manual_seed(2)
    logits = torch.randn(1000, 2, dtype=torch.float64)
    gumbel = -torch.log(-torch.log(torch.rand(1000, 2, dtype=torch.float64)))
    expected = ((logits + gumbel) / 0.7).softmax(dim=1)[:, 1]
    log_odds, noise = logits[:, 1] - logits[:, 0], gumbel[:, 1] - gumbel[:, 0]
    torch.testing.assert_close(gumbel_decisions(log_odds, noise, 0.7, False), expected)
    hard = gumbel_decisions(log_odds, noise, 0.7, True)
    torch.testing.assert_close(hard, (expected > 0.5).double())


def test_straight_through_decisions_have_the_gradient_of_the_soft_ones():
    log_odds = torch.linspace(-3, 3, 7, requires_grad=True)
    noise = torch.linspace(1, -1, 7)
    soft, hard = (
        torch.autograd.grad(gumbel_decisions(log_odds, noise, 0.5, through).sum(), log_odds)[0]
        for through in (False, True)
    )
    torch.testing.assert_close(hard, soft)
    chance = torch.sigmoid((log_odds + noise) / 0.5)
    torch.testing.assert_close(soft, chance * (1 - chance) / 0.5)


def test_low_temperatures_harden():
    log_odds, noise = torch.tensor([-0.3, 0.2]), torch.tensor([0.1, 0.1])
    soft = gumbel_decisions(log_odds, noise, 0.01, False)
    torch.testing.assert_close(soft, torch.tensor([0.0, 1.0]))
    warm = gumbel_decisions(log_odds, noise, 100.0, False)
    assert max(abs(value - 0.5) for value in warm.tolist()) < 1e-2
    assert math.isclose(warm.sum().item(), 1.0, abs_tol=1e-2)
