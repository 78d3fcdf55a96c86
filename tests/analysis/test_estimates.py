import numpy as np
import pytest

from maskpolicy.analysis.covariance import Measurements
from maskpolicy.analysis.estimates import estimated, summarise
from maskpolicy.statistics.bootstrap import Resampling

S, PAIRS, GROUPS = 12, 20, 20


def measurements(spec, slope, ratio, seed=0):
    """Variance about 1; covariance 0.5 - slope * distance; FE variance `ratio` of 1/K, K = 4."""
    random = np.random.default_rng(seed)
    variance = random.uniform(0.8, 1.2, size=S)
    scale = variance[:, None, None]
    distances = 2 * np.array(spec.exchanged)
    pairs = scale * (0.5 - slope * distances + random.normal(0, 0.05, (S, PAIRS, len(distances))))
    pairs[:, :, 0] = scale[:, :, 0]
    identity = np.broadcast_to(np.eye(4), (S, 2 * GROUPS, 4, 4))
    noise = random.normal(0, 0.02, (S, 2 * GROUPS, 1, 1))
    off_diagonal = (ratio - 1) / 3 * (1 - identity)
    return Measurements(
        loss=np.full(S, 5.0),
        variance=variance,
        pairs=pairs,
        independent=scale[..., None] * (identity + noise)[:, :GROUPS],
        fully_explored=scale[..., None] * (identity + off_diagonal + noise),
    )


@pytest.fixture
def analysis(spec):
    return spec(length=32, masked=8, distances=5, masks=(2, 4))


def test_estimates_recover_what_was_put_in(analysis):
    summary = summarise(measurements(analysis, slope=0.04, ratio=0.6), analysis, 0)
    assert [each.distance for each in summary.distances] == [0, 4, 8, 12, 16]
    for each in summary.distances[1:]:
        expected = 0.5 - 0.04 * each.distance
        assert each.covariance.value == pytest.approx(expected, abs=0.02)
        assert each.covariance.low < each.covariance.value < each.covariance.high
        assert list(each.quantiles.values()) == sorted(each.quantiles.values())
    assert summary.distances[-1].independent_tokens == pytest.approx(-8 / 24)
    two, four = summary.groups
    assert four.ratio.value == pytest.approx(0.6, abs=0.03)
    assert four.independent.value == pytest.approx(0.25, abs=0.01)
    assert four.fully_explored_predicted.value == pytest.approx(0.15, abs=0.01)
    assert four.ratio_predicted.value == pytest.approx(4 * four.fully_explored_predicted.value)
    assert four.excess.low < 0 < four.excess.high
    assert two.ratio.value == pytest.approx(1 - 0.4 / 3, abs=0.03)
    assert summary.rank_correlation.value < -0.9
    assert summary.falls_everywhere


def test_the_verdict_says_what_was_found(analysis):
    falls = summarise(measurements(analysis, slope=0.04, ratio=0.6), analysis, 0).verdict
    assert falls[0].startswith("The covariance falls with the Hamming distance, at every step")
    assert falls[2].startswith("K = 4") and "smaller" in falls[2]
    flat = summarise(measurements(analysis, slope=0.0, ratio=1.0), analysis, 0).verdict
    assert flat[0].startswith("The covariance does not fall")
    assert "no difference that can be told" in flat[2]
    rises = summarise(measurements(analysis, slope=-0.04, ratio=1.5), analysis, 0).verdict
    assert rises[0].startswith("The covariance does not fall")
    assert "larger" in rises[2]


def test_an_estimate_of_a_ratio_is_one_of_means():
    values, divisors = np.array([1.0, 3.0]), np.array([2.0, 6.0])
    estimate = estimated(Resampling(2, 0, "test"), values, divisors)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.5, 0.5)
