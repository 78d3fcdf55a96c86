"""The environment: pinned once, installed as pinned, and without what breaks it."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PINS = dict(
    line.split("==")
    for line in (ROOT / "envs" / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


OPTIONAL = {"encoder", "hub", "tensorboard", "trackio"}
"""Extras that `make` does not install."""


def required(*, optional: bool) -> list[str]:
    extras = PROJECT["optional-dependencies"]
    wanted = (names for extra, names in extras.items() if optional or extra not in OPTIONAL)
    return sorted({*PROJECT["dependencies"], *(name for names in wanted for name in names)})


@pytest.mark.parametrize("name", required(optional=True))
def test_every_requirement_is_a_name_and_pinned(name):
    assert re.fullmatch(r"[a-z0-9-]+", name), "versions belong in envs/constraints.txt"
    assert name in PINS


@pytest.mark.parametrize("name", required(optional=False))
def test_what_is_installed_is_what_is_pinned(name):
    assert version(name).partition("+")[0] == PINS[name]


def test_torch_is_spelt_exactly():
    assert PINS["torch"] == "2.13.0"


def test_conda_environments_refer_to_the_pins():
    environments = list((ROOT / "envs").glob("*.yaml"))
    assert environments
    for path in environments:
        *_, last = yaml.safe_load(path.read_text())["dependencies"]
        assert "--constraint constraints.txt" in last["pip"]
        assert not re.search(r"==", path.read_text())


def test_rules_name_an_environment_that_exists():
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for name in re.findall(r'"\.\./\.\./(envs/\S+)"', rules.read_text()):
            assert (ROOT / name).is_file(), f"{rules.name}: {name}"


def test_torchaudio_is_kept_out():
    """With it transformers' BART can't be imported."""
    assert find_spec("torchaudio") is None
    with pytest.raises(PackageNotFoundError):
        version("torchaudio")
