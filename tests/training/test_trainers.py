"""Trainers are found by name."""

import subprocess
import sys
from typing import get_args

import pytest

from maskpolicy.errors import InputError
from maskpolicy.training.specs import TRAINERS, Pretraining, TrainerName
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


def test_only_ours_trains_in_several_processes():
    stage = Pretraining(corpus="c", steps=1, batch_size=1, learning_rate=0.1, mask_epochs=1)
    stage.refuse_processes(4)
    by_fairseq = stage.model_copy(update={"trainer": "fairseq"})
    by_fairseq.refuse_processes(1)
    with pytest.raises(InputError, match="in one process on one GPU, and is given 4"):
        by_fairseq.refuse_processes(4)
