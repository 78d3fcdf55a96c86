"""Power of the paired t-test, against statsmodels 0.15 (`TTestPower`, two-sided)."""

from functools import partial

import pytest

from maskpolicy.statistics.power import power_of, smallest_effect

SMALLEST = {2: 11.549889754978167, 3: 3.264043552819638, 5: 1.6819970833232674}
SMALLEST |= {9: 1.0669732445156874, 10: 0.9960019107624178, 15: 0.7780225446134179}
SMALLEST |= {30: 0.5292357045238948}

POWERS = {2: 0.09280915505633597, 3: 0.1792553937765517, 5: 0.4013899173717948}
POWERS |= {9: 0.7480170922294764, 10: 0.8030968566327219, 15: 0.9490864806895407}
POWERS |= {30: 0.9995636009612033}


@pytest.mark.parametrize(("pairs", "effect"), SMALLEST.items())
def test_the_smallest_effect_is_that_of_statsmodels(pairs, effect):
    assert smallest_effect(pairs) == pytest.approx(effect, rel=1e-5)


@pytest.mark.parametrize(("pairs", "power"), POWERS.items())
def test_the_power_of_one_standard_deviation_is_that_of_statsmodels(pairs, power):
    assert power_of(1.0, pairs) == pytest.approx(power, rel=1e-6)
    assert power_of(-1.0, pairs) == power_of(1.0, pairs)


def test_other_levels_and_powers_are_those_of_statsmodels():
    found = smallest_effect(5, partial(power_of, level=0.1), power=0.9)
    assert found == pytest.approx(1.6099405502669113, rel=1e-5)


def test_without_an_effect_it_is_the_level():
    assert power_of(0.0, 3, level=0.1) == pytest.approx(0.1)


def test_one_pair_finds_nothing():
    assert smallest_effect(1) is None
