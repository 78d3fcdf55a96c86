"""Of those that train the same one works; others wait, and take over where it is dead."""

import json
import os
import signal
import subprocess
import sys
from socket import gethostname

from maskpolicy.training import ownership
from maskpolicy.training.ownership import owned

OTHER = """
import sys, time
from pathlib import Path
from maskpolicy.training import ownership
ownership.LEASE = float(sys.argv[2])
with ownership.owned(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


def start_other(state, lease=ownership.LEASE, **variables):
    """Another process that trains the same, until it reads a line."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(state), str(lease)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
    )


def end(other):
    out, err = other.communicate("\n", timeout=60)
    assert other.returncode == 0, err
    return out, err


def test_it_says_who_trains_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    with owned(tmp_path / "models" / "0"):
        facts = json.loads((tmp_path / "models" / "0.owner.json").read_text())
        assert facts == {"host": gethostname(), "process": os.getpid(), "slurm_job": "12"}
    assert not list((tmp_path / "models").iterdir())


def test_a_second_waits_for_the_first_and_says_for_whom(tmp_path):
    first = start_other(tmp_path / "0", SLURM_JOB_ID="34")
    assert first.stdout.readline() == "mine\n"
    second = start_other(tmp_path / "0")
    told = second.stderr.readline()
    assert told.startswith("waiting for Slurm job 34")
    assert f"process {first.pid} on {gethostname()}" in told
    end(first)
    assert second.stdout.readline() == "mine\n"
    end(second)


def test_trainings_of_other_states_do_not_wait(tmp_path):
    first = start_other(tmp_path / "0")
    assert first.stdout.readline() == "mine\n"
    with owned(tmp_path / "1"):
        pass
    end(first)


def test_a_killed_owner_is_followed_at_once(tmp_path):
    first = start_other(tmp_path / "0")
    assert first.stdout.readline() == "mine\n"
    first.kill()
    first.communicate()
    with owned(tmp_path / "0"):  # long before LEASE
        assert json.loads((tmp_path / "0.owner.json").read_text())["process"] == os.getpid()


def test_an_owner_without_a_sign_of_life_is_followed_and_asked_to_stop(tmp_path):
    first = start_other(tmp_path / "0", lease=3.0)
    assert first.stdout.readline() == "mine\n"
    first.send_signal(signal.SIGSTOP)  # as a node that doesn't answer
    second = start_other(tmp_path / "0", lease=3.0)
    assert second.stdout.readline() == "mine\n"
    first.send_signal(signal.SIGCONT)
    assert first.wait(timeout=60) == -signal.SIGTERM
    first.communicate()
    assert json.loads((tmp_path / "0.owner.json").read_text())["process"] == second.pid
    end(second)


def test_an_owner_whose_follower_has_ended_is_asked_to_stop_too(tmp_path):
    first = start_other(tmp_path / "0", lease=3.0)
    assert first.stdout.readline() == "mine\n"
    first.send_signal(signal.SIGSTOP)
    second = start_other(tmp_path / "0", lease=3.0)
    assert second.stdout.readline() == "mine\n"
    end(second)
    first.send_signal(signal.SIGCONT)
    assert first.wait(timeout=60) == -signal.SIGTERM
    first.communicate()
