"""A Slurm for the tests of this folder: `make test-cluster` runs them, `make test` skips them."""

import os

import pytest
from cluster.slurm import SlurmCluster, missing_programs
from cluster.studies import ClusterStudy

PORT = "MASKPOLICY_SLURM_PORT"
"""Variable of the environment: where the cluster listens. Without it there is none."""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A running cluster: `environment` is what a process needs to reach it."""
    if PORT not in os.environ:
        pytest.skip("a Slurm is started for it by `make test-cluster` alone")
    if missing := missing_programs():
        pytest.fail(
            f"not installed: {', '.join(missing)}; on Debian: apt-get install"
            " --no-install-recommends slurmctld slurmd slurm-client munge"
        )
    if os.getuid():
        pytest.fail("the daemons of Slurm are started as root, which you are not")
    with SlurmCluster(tmp_path_factory.mktemp("slurm"), int(os.environ[PORT])) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def undisturbed(slurm, tmp_path_factory):
    """A study that was run on the cluster as a whole, by `snakemake --profile cluster`."""
    study = ClusterStudy(tmp_path_factory.mktemp("undisturbed") / "study", slurm).write()
    study.said = study.start().end()
    return study


@pytest.fixture
def study(undisturbed, tmp_path):
    """The same before the training of its policy and all after it; trainings are slow.

    Its folder has a name with a space.
    """
    return undisturbed.without_training(tmp_path / "a study")
