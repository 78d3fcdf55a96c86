"""What the workflow plans beside the tables: dry runs of changed studies."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path):
    """The listing of a dry run of a study with the commands of its jobs, in an empty folder."""

    def plan(study: dict, *arguments: str) -> str:
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--configfile", tmp_path / "study.yaml", "--directory", tmp_path]
        command += ["--dry-run", "--printshellcmds", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return plan


def load(study: str) -> dict:
    return yaml.safe_load((ROOT / "workflow" / "studies" / f"{study}.yaml").read_text())


def test_an_analysis_of_an_arm_waits_for_its_checkpoint(plan):
    study = load("variance")
    study["intermediate"] = {
        "continued": {key: value for key, value in study["general"].items() if key != "policy"}
    }
    study["variance"] = {
        "arm": study["variance"]["before-training"]
        | {"start": {"stage": "continued", "policy": "rand@control"}}
    }
    listing = plan(study)
    folder = "results/models/roberta-mini/continued/rand@control/seed-0"
    assert f"measure-gradient-variance --checkpoint {folder} " in listing
    assert re.search(r"^pretrain_intermediate +1$", listing, re.MULTILINE)
    assert "Pre-train roberta-mini (continued) with rand@control" in listing
