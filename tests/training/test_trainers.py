"""Trainers are found by name."""

import pytest

from maskpolicy.training.specs import TRAINERS
from maskpolicy.training.trainers import load_trainer
from maskpolicy.training.trainers.native import pretrain_natively


def test_ours_is_the_default():
    assert load_trainer() is pretrain_natively


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_can_be_loaded(name):
    assert callable(load_trainer(name))
