"""Trainings of policies are found by their method, and only that one's is imported."""

import subprocess
import sys
from typing import get_args

import pytest

from maskpolicy.learning import registry
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.meta.specs import MetaTraining


def test_every_method_of_the_configuration_has_a_training():
    specs = get_args(get_args(registry.NetworkTraining)[0])
    methods = {get_args(spec.model_fields["method"].annotation)[0] for spec in specs}
    assert methods == set(registry.TRAININGS)


@pytest.mark.parametrize("method", registry.TRAININGS)
def test_only_its_own_packages_are_imported(method):
    others = [other for other in registry.TRAININGS if other != method]
    module = registry.TRAININGS[method].partition(":")[0]
    code = f"""
import sys
from importlib import import_module
from maskpolicy.learning import registry
import_module("maskpolicy.learning.{module}")
for other in {others}:
    assert f"maskpolicy.learning.{{other}}.training" not in sys.modules, other
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_training_of_the_method_is_called(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(
        "maskpolicy.learning.meta.training.train_meta_policy", lambda *given: called.append(given)
    )
    files = PolicyFiles(*[tmp_path / part for part in "abcde"])
    training = MetaTraining(method="meta", model="m", task="t")
    registry.train_policy(files, training, 3, "title")
    assert called == [(files, training, 3, "title")]
