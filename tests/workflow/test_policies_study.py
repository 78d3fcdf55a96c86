"""The study of every hand-made policy: complete, and ready to run."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from maskpolicy.arms import CONTROL
from maskpolicy.policies import specs
from maskpolicy.policies.registry import POLICIES, find_policy
from maskpolicy.study.loading import Study

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "workflow" / "studies" / "policies.yaml"


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.load(yaml.safe_load(STUDY.read_text()))


def test_every_hand_made_policy_is_an_arm(study):
    hand_made = {kind for kind in POLICIES if not issubclass(find_policy(kind), specs.Learned)}
    assert {policy.decide.kind for policy in study.policies.values()} == hand_made
    (table,) = study.tables.values()
    assert set(study.policies) <= set(table.arms)
    assert any(arm.endswith(CONTROL) for arm in table.arms)


def test_groups_of_fully_explored_masks_are_whole(study):
    for policy in study.policies.values():
        if isinstance(policy.decide, specs.FullyExplored):
            assert study.intermediate["passages"].mask_epochs % policy.decide.masks == 0


def test_it_is_ready_to_run(study, tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    command += ["--quiet=rules", "--configfile", STUDY, "--directory", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    (table,) = study.tables.values()
    controls = [arm for arm in table.arms if arm.endswith(CONTROL)]
    assert int(jobs["match_corpus"]) == len(controls)
    assert int(jobs["mask_corpus"]) == len(table.arms) - len(controls) - 1  # all but `none`
    assert int(jobs["count_statistics"]) == 3
