"""Compiled kernels have a place for their cache where package and home can't be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import maskpolicy

SOURCE = Path(maskpolicy.__file__).parent
COMPILE = "import numpy; from maskpolicy.randomness import uniform; print(uniform(numpy.uint64(1)))"


@pytest.fixture
def compile_in(tmp_path):
    """Run a kernel in a process whose package and home can't be written, not even by root."""
    package = tmp_path / "package" / "maskpolicy"
    package.mkdir(parents=True)
    for name in ("__init__.py", "randomness.py"):
        shutil.copy(SOURCE / name, package)
    (package / "__pycache__").touch()

    def run(temporary, **variables):
        temporary.mkdir(exist_ok=True)
        kept = {
            k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        }
        places = {"PYTHONPATH": str(package.parent), "HOME": "/dev/null", "TMPDIR": str(temporary)}
        done = subprocess.run(
            [sys.executable, "-c", COMPILE],
            capture_output=True,
            text=True,
            env=kept | places | variables,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, {path.parent.parent for path in tmp_path.rglob("*.nbi")}

    return run


def test_without_package_and_home_a_private_folder_is_the_place(compile_in, tmp_path):
    own = tmp_path / "tmp" / f"maskpolicy-{os.getuid()}"
    first, places = compile_in(tmp_path / "tmp")
    assert places == {own}
    assert own.stat().st_mode & 0o777 == 0o700
    assert compile_in(tmp_path / "tmp") == (first, places)


def test_a_folder_that_others_can_write_is_not_trusted(compile_in, tmp_path):
    own = tmp_path / "tmp" / f"maskpolicy-{os.getuid()}"
    own.mkdir(parents=True)
    own.chmod(0o777)
    (place,) = compile_in(tmp_path / "tmp")[1]
    assert place.parent == own.parent and place != own


def test_the_place_that_the_user_names_stands(compile_in, tmp_path):
    named = tmp_path / "named"
    assert compile_in(tmp_path / "tmp", NUMBA_CACHE_DIR=str(named))[1] == {named}
    caches = tmp_path / "caches"
    assert caches / "numba" in compile_in(tmp_path / "tmp", XDG_CACHE_HOME=str(caches))[1]
