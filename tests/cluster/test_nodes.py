"""A pre-training over several nodes is that of one process, but for roundings."""

import json

import pytest

PROFILE = "cluster/config.yaml"
RULE = "pretrain_intermediate: {gpu: 0"


def losses_of(study):
    """Of each step, the tokens read, and by how many processes in the end."""
    folder = study.results / "models" / "tiny" / "facts" / "rand" / "seed-0"
    manifest = json.loads((folder / "manifest.json").read_text())
    return manifest["losses"], manifest["tokens"], manifest["processes"]


def test_two_nodes_train_one_model_and_go_on_after_both_were_stopped(study, undisturbed):
    study.edit(PROFILE, RULE, f"{RULE}, nodes: 2, tasks: 2, mpi: srun")
    run = study.start("--until", "pretrain_intermediate")
    job = study.training(run)
    assert study.slurm.job(job)["NumNodes"] == "2"
    assert "n[1-2]" in study.slurm.run("squeue", "--steps", f"--jobs={job}")
    study.slurm.run("scancel", job)
    study.slow.unlink()
    run.end()
    assert study.resumed_at() > 0
    alone, together = losses_of(undisturbed), losses_of(study)
    assert together[0] == pytest.approx(alone[0], abs=2e-4)  # they are written to 1e-4
    assert alone[0][0] > alone[0][-1] + 0.1, "or there is nothing to compare"
    assert together[1] == alone[1]
    assert (alone[2], together[2]) == (1, 2)
