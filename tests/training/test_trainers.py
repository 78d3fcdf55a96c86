"""Trainers are found by name."""

import subprocess
import sys
from typing import get_args

import pytest

from maskpolicy.training.specs import TRAINERS, TrainerName
from maskpolicy.training.trainers import load_trainer
from maskpolicy.training.trainers.native import pretrain_natively


def test_ours_is_the_default():
    assert load_trainer() is pretrain_natively


def test_all_of_them_can_be_asked_for():
    assert set(get_args(TrainerName)) == TRAINERS.keys()


def test_fairseq_is_imported_only_where_a_stage_asks_for_it():
    code = (
        "import sys, maskpolicy.cli, maskpolicy.study.loading, maskpolicy.training.pretrain\n"
        "from maskpolicy.training.trainers import load_trainer\n"
        "load_trainer('native')\n"
        "print(*(name for name in sys.modules if 'fairseq' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_can_be_loaded(name):
    assert callable(load_trainer(name))
