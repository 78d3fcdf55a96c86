"""Jobs of one machine take distinct GPUs, and a GPU that was promised is missed. No GPU is used."""

import subprocess
import sys

import pytest

from maskpolicy import gpus
from maskpolicy.errors import InputError
from maskpolicy.models.devices import choose_device

JOB = """
import os
from maskpolicy.gpus import take_devices
take_devices()
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
input()
"""


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Starts a job that is granted so many of four fake devices, and holds them until it ends."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv(gpus.VISIBLE, "0,1,2,GPU-3")
    monkeypatch.setenv(gpus.GRANTED_BY, "machine")
    jobs = []

    def start(wanted):
        monkeypatch.setenv(gpus.GRANTED, str(wanted))
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        jobs.append(subprocess.Popen([sys.executable, "-c", JOB], text=True, **pipes))
        return jobs[-1]

    yield start
    for each in jobs:
        each.kill()
        each.communicate()


def taken(job):
    return job.stdout.readline().strip()


def test_jobs_at_the_same_time_have_devices_of_their_own(job):
    jobs = [job(1) for _ in range(4)]
    assert sorted(map(taken, jobs)) == ["0", "1", "2", "GPU-3"]


def test_a_device_is_free_again_when_its_job_is_killed(job):
    three, one = job(3), job(1)
    devices = {taken(three), taken(one)}
    assert sorted(",".join(devices).split(",")) == ["0", "1", "2", "GPU-3"]
    waiting = job(2)
    assert waiting.stderr.readline() == "waiting for 2 of 4 GPUs to be free\n"
    three.kill()
    found = taken(waiting).split(",")
    assert len(set(found)) == 2 and not devices & set(found)


def test_who_is_granted_all_has_all(job):
    assert [taken(job(4)), taken(job(5)), taken(job(0))] == ["0,1,2,GPU-3"] * 3


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpus.refuse_missing_gpu.cache_clear()
    yield
    gpus.refuse_missing_gpu.cache_clear()


def promise(monkeypatch, number, by):
    monkeypatch.setenv(gpus.GRANTED, number)
    monkeypatch.setenv(gpus.GRANTED_BY, by)


def test_a_gpu_that_a_cluster_granted_is_missed(no_gpu, monkeypatch):
    promise(monkeypatch, "1", "cluster")
    with pytest.raises(InputError, match="granted 1 GPUs, and PyTorch sees none"):
        choose_device()


def test_on_a_machine_it_is_said_once(no_gpu, monkeypatch, capsys):
    promise(monkeypatch, "1", "machine")
    assert choose_device().type == choose_device().type == "cpu"
    assert capsys.readouterr().err.count("PyTorch sees no GPU") == 1


@pytest.mark.parametrize(("number", "by"), [("0", "cluster"), ("1", ""), ("", "cluster")])
def test_where_none_was_promised_the_cpu_works_without_a_word(
    no_gpu, monkeypatch, capsys, number, by
):
    promise(monkeypatch, number, by)
    assert choose_device().type == "cpu"
    assert capsys.readouterr().err == ""
