"""Streaming sums against direct ones, and theorem 1 on all masks of a short sequence."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch

from maskpolicy.analysis import covariance
from maskpolicy.analysis.covariance import RunningVariance, centred_products, measure_covariances
from maskpolicy.analysis.estimates import variance_of_means
from maskpolicy.analysis.gradients import MaskGradients
from maskpolicy.analysis.mask_sets import MiniBatch, draw_masks

N, TAU = 6, 2
IDS = np.array([7, 12, 13, 9, 20, 15])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(covariance, "BLOCK", 5)  # so that parameters are cut into several


@pytest.fixture
def gradients_of(encoder, special):
    return MaskGradients(encoder, special, ["*.encoder.layer.*"], 4)


def random_gradients(number, seed=0):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(number, size, generator=random) + 3 for size in (7, 1, 12)]


def test_streaming_variance_is_the_direct_one():
    gradients = random_gradients(11)
    running = RunningVariance()
    for start, end in ((0, 4), (4, 5), (5, 11)):
        running.add([each[start:end] for each in gradients])
    direct = torch.cat(gradients, dim=1).double().numpy()
    assert running.variance == pytest.approx(direct.var(axis=0, ddof=1).sum(), rel=1e-12)
    assert torch.cat(running.mean).numpy() == pytest.approx(direct.mean(axis=0), rel=1e-12)


def test_products_are_those_of_whole_centred_gradients():
    gradients, mean = random_gradients(4), [each[0] for each in random_gradients(1, seed=1)]
    whole = (torch.cat(gradients, dim=1) - torch.cat(mean)).double().numpy()
    assert centred_products(gradients, mean) == pytest.approx(whole @ whole.T, rel=1e-5)


@pytest.fixture
def every_mask(gradients_of):
    """All masks of TAU out of N tokens, and their gradients around their exact mean, float64."""
    masks = np.array([np.isin(range(N), chosen) for chosen in combinations(range(N), TAU)])
    gradients = torch.cat(gradients_of(IDS, masks)[0], dim=1).numpy()
    assert gradients.dtype == np.float64
    return masks, gradients - gradients.mean(axis=0)


@pytest.mark.parametrize("number", [2, 3])
def test_theorem_1_holds_exactly_for_measured_gradients(every_mask, number):
    masks, centred = every_mask
    variance = (centred**2).sum(axis=1).mean()
    indices = range(len(masks))
    for tuples in (
        list(product(indices, repeat=number)),  # independent
        [t for t in permutations(indices, number) if not (masks[[*t]].sum(axis=0) > 1).any()],
    ):
        means = centred[np.array(tuples)].mean(axis=1)
        assert means.mean(axis=0) == pytest.approx(0, abs=1e-12)  # lemma 2
        of_mean = (means**2).sum(axis=1).mean()
        firsts, seconds = np.array(tuples)[:, 0], np.array(tuples)[:, 1]
        pairs = (centred[firsts] * centred[seconds]).sum(axis=1).mean()
        predicted = variance / number + (1 - 1 / number) * pairs
        assert of_mean == pytest.approx(predicted, rel=1e-10)
        assert of_mean > 0
    assert len(tuples) == (90 if number > 1 else 15)  # of the fully-explored


def test_the_variance_of_means_is_that_of_averaged_gradients():
    gradients = np.random.default_rng(0).normal(size=(2, 3, 5, 40))  # [S, G, K, size]
    products = gradients @ gradients.swapaxes(-1, -2)
    for masks, means in (
        (2, np.stack([gradients[:, :, 0:2].mean(axis=2), gradients[:, :, 2:4].mean(axis=2)])),
        (5, gradients.mean(axis=2)[None]),
    ):
        direct = (means**2).sum(axis=-1).mean(axis=(0, 2))
        assert variance_of_means(products, masks) == pytest.approx(direct, rel=1e-12)


def test_measured_covariances_are_the_direct_ones(gradients_of, spec):
    analysis = spec(length=N, masked=TAU, masks=(3,), reference=5)
    sequences = MiniBatch(np.array([3, 8]), np.stack([IDS, IDS[::-1]]))
    masks = draw_masks(sequences, analysis, 0)
    done = []
    measured = measure_covariances(gradients_of, sequences, masks, 2, done.append)
    assert sum(done) == masks.number
    for s, ids in enumerate(sequences.input_ids):
        reference, losses = gradients_of(ids, masks.reference[s])
        reference = torch.cat(reference, dim=1).numpy()
        variance = reference.var(axis=0, ddof=1).sum()
        assert measured.loss[s] == pytest.approx(losses.mean(), rel=1e-12)
        lengths = []
        for sets, products in (
            (masks.independent, measured.independent),
            (masks.fully_explored, measured.fully_explored),
            (masks.pairs, measured.pairs),
        ):
            for group, product_ in zip(sets[s], products[s], strict=True):
                gradients = torch.cat(gradients_of(ids, group)[0], dim=1).numpy()
                centred = gradients - reference.mean(axis=0)
                direct = centred @ centred.T - variance / 5
                if sets is masks.pairs:
                    assert product_ == pytest.approx(direct[0], rel=1e-9, abs=1e-12)
                    continue
                assert product_ == pytest.approx(direct, rel=1e-9, abs=1e-12)
                lengths += direct.diagonal().tolist()
        pooled = (5 * variance + sum(lengths)) / (5 + len(lengths))
        assert measured.variance[s] == pytest.approx(pooled, rel=1e-9)


def test_covariances_are_unbiased_where_they_are_known(spec):
    """A gradient that sums one vector for each masked token has covariances known in closed form:
    linear in the shared tokens (random ones share tau² / n), and K masks that cover all tokens
    without overlap have no variance.
    """
    analysis = spec(length=N, masked=TAU, masks=(3,), reference=4, pairs=40, groups=40)
    random = np.random.default_rng(0)
    sequences = MiniBatch(np.arange(300), random.integers(0, 50, size=(300, N)))

    def gradients_of(ids, masks):
        return [torch.from_numpy((1.0 * masks @ ids)[:, None])], np.zeros(len(masks))

    masks = draw_masks(sequences, analysis, 0)
    measured = measure_covariances(gradients_of, sequences, masks, 100)
    # tau (n - tau) / (n (n - 1)) times the sum of squares around the mean of the n vectors.
    ids = sequences.input_ids
    spread = ((ids - ids.mean(axis=1, keepdims=True)) ** 2).sum(axis=1).mean() / (N - 1)
    variance = TAU * (N - TAU) / N * spread
    assert measured.variance.mean() == pytest.approx(variance, rel=0.1)
    for d, exchanged in enumerate(analysis.exchanged):
        expected = (TAU - exchanged - TAU**2 / N) * spread
        assert measured.pairs[:, :, d].mean() == pytest.approx(expected, abs=0.1 * variance)
    independent = variance_of_means(measured.independent, 3).mean()
    assert independent == pytest.approx(variance / 3, abs=0.1 * variance)
    explored = variance_of_means(measured.fully_explored, 3).mean()
    assert explored == pytest.approx(0, abs=0.1 * variance)
