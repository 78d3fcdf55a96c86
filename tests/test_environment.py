"""The environment: pinned once, installed as pinned, and without what breaks it."""

import hashlib
import os
import re
import subprocess
import sys
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


INSTALLING = [
    "Makefile",
    "envs/maskpolicy.post-deploy.sh",
    "envs/Dockerfile",
    "envs/maskpolicy.def",
]


@pytest.mark.parametrize("path", INSTALLING)
def test_there_is_one_way_to_install_with_the_pins(path):
    text = (ROOT / path).read_text()
    assert len(re.findall(r"envs/install\.sh\S* \S*python data,fairseq", text)) == 1
    assert "--editable" not in text and not re.search(r"==\d", text)


def test_other_pins_make_another_environment_of_conda():
    pins = hashlib.sha256((ROOT / "envs" / "constraints.txt").read_bytes()).hexdigest()
    assert f"# {pins}\n" in (ROOT / "envs" / "maskpolicy.post-deploy.sh").read_text()


def test_containers_hold_what_a_study_needs_and_no_more():
    docker = (ROOT / "envs" / "Dockerfile").read_text()
    apptainer = (ROOT / "envs" / "maskpolicy.def").read_text()
    copied = set(" ".join(re.findall(r"^COPY (.+) \S+$", docker, re.MULTILINE)).split())
    assert copied == set(re.findall(r"^    (\S+) /maskpolicy/$", apptainer, re.MULTILINE))
    assert all((ROOT / name).exists() for name in copied)
    assert copied >= {"Snakefile", "workflow", "profiles", "src", "envs", "pyproject.toml"}
    assert not copied & {".git", ".venv", "results", "data"}


def test_containers_have_the_python_that_is_required():
    for path in ("envs/Dockerfile", "envs/maskpolicy.def"):
        (image,) = re.findall(r"^F(?:ROM|rom:) (\S+)$", (ROOT / path).read_text(), re.MULTILINE)
        assert image == "python:3.11-slim"
    assert (
        "python=3.11" in yaml.safe_load((ROOT / "envs/maskpolicy.yaml").read_text())["dependencies"]
    )


CONDA = """#!/bin/sh
case "$1 $2" in
"--version ") echo "conda 25.1.0" ;;
"info --json") echo '{"conda_prefix": "BASE", "platform": "linux-64"}' ;;
"config --get") echo '{"get": {"channel_priority": "strict"}}' ;;
"env create") for prefix; do :; done; mkdir -p "$prefix/bin"; cp BASE/bin/python "$prefix/bin" ;;
"clean -y") ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""
"""As much of conda as Snakemake asks for; its Python writes down its arguments."""


def test_an_environment_of_conda_gets_this_project_with_its_pins(tmp_path):
    """Snakemake copies the file of an environment: nothing in it may be relative to this folder."""
    base, said = tmp_path / "base", tmp_path / "said"
    scripts = {
        "conda": CONDA.replace("BASE", str(base)),
        "python": f'#!/bin/sh\necho "$@" >> {said}\n',
        "activate": 'PATH="$1/bin:$PATH"\n',
    }
    for name, text in scripts.items():
        (base / "bin").mkdir(parents=True, exist_ok=True)
        (base / "bin" / name).write_text(text)
        (base / "bin" / name).chmod(0o755)
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    command += ["--configfile", ROOT / "config.yaml", "--directory", tmp_path / "elsewhere"]
    command += ["--sdm", "conda", "--conda-create-envs-only", "--cores", "1"]
    path = os.pathsep.join([str(base / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        command, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pins = f"-m pip install --quiet -c {ROOT}/envs/constraints.txt"
    assert said.read_text().splitlines() == [
        f"{pins} --editable {ROOT}[data,fairseq]",
        f"{pins} --no-deps ve-fairseq",
    ]


def test_rules_name_an_environment_that_exists():
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for name in re.findall(r'"\.\./\.\./(envs/\S+)"', rules.read_text()):
            assert (ROOT / name).is_file(), f"{rules.name}: {name}"


def test_torchaudio_is_kept_out():
    """With it transformers' BART can't be imported."""
    assert find_spec("torchaudio") is None
    with pytest.raises(PackageNotFoundError):
        version("torchaudio")
