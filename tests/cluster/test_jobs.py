"""The cluster of these tests is one: two nodes, of which one grants GPUs."""


def test_the_cluster_grants_the_gpus_that_are_asked_for(slurm):
    devices = slurm.run("srun", "--partition=gpu", "--gpus=2", "printenv", "CUDA_VISIBLE_DEVICES")
    assert devices.strip() == "0,1"
    assert len(slurm.run("srun", "--nodes=2", "hostname").splitlines()) == 2
