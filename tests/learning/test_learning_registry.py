"""Trainings of policies are found by their method, and only that one's is imported."""

import shutil
import subprocess
import sys
from typing import get_args

import pytest

from maskpolicy.artefacts import write_manifest
from maskpolicy.learning import registry
from maskpolicy.learning.files import SPLITS_READ, PolicyFiles
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
from maskpolicy.artefacts import write_manifest
from maskpolicy.learning import registry
import_module("maskpolicy.learning.{module}")
for other in {others}:
    assert f"maskpolicy.learning.{{other}}.training" not in sys.modules, other
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def policy_files(folder):
    """Of a task, a checkpoint and a tokenizer that nobody will look into."""
    files = PolicyFiles(*[folder / part for part in "abcde"])
    for path in (*map(files.split, SPLITS_READ), files.tokenizer / "tokenizer.json"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    files.checkpoint.mkdir()
    for name in ("config.json", "model.safetensors"):
        (files.checkpoint / name).touch()
    files.output.mkdir()
    return files


def test_the_training_of_the_method_is_called(monkeypatch, tmp_path):
    called = []
    files = policy_files(tmp_path)
    monkeypatch.setattr(
        "maskpolicy.learning.meta.training.train_meta_policy", lambda *given: called.append(given)
    )
    training = MetaTraining(method="meta", model="m", task="t")
    registry.train_policy(files, training, 3, "title")
    assert called == [(files, training, 3, "title")]


def test_a_network_whose_output_was_deleted_is_not_trained_again(monkeypatch, tmp_path):
    files, called = policy_files(tmp_path), []

    def train(files, training, seed, title):
        called.append(seed)
        files.output.mkdir(exist_ok=True)
        network = files.output / "network.safetensors"
        network.write_text(f"of seed {seed}")
        write_manifest(files.output / "manifest.json", [network])

    monkeypatch.setattr("maskpolicy.learning.meta.training.train_meta_policy", train)
    training = MetaTraining(method="meta", model="m", task="t")
    registry.train_policy(files, training, 3, "title")
    shutil.rmtree(files.output)
    registry.train_policy(files, training, 3, "title")
    assert called == [3]
    assert (files.output / "network.safetensors").read_text() == "of seed 3"
    registry.train_policy(files, training, 4, "title")
    (files.task / "dev.arrow").write_text("other examples")
    registry.train_policy(files, training, 3, "title")
    assert called == [3, 4, 3]
