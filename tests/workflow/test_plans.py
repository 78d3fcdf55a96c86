"""Every study is planned, whether or not its data is there."""

import subprocess
import sys

import pytest
from support.configurations import ROOT, STUDIES, path_of


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_is_planned_with_strict_input_functions(study, tmp_path):
    """An input function that fails on a target it should not have matched is an error there."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    command += ["--configfile", path_of(study), "--directory", tmp_path, "--quiet=rules"]
    command += ["--strict-dag-evaluation", "functions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for sign in ("Exception", "Traceback"):
        assert sign not in done.stdout + done.stderr
    assert "render_table" in done.stdout or study == "variance"  # which has no table
