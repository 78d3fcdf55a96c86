"""Jobs side by side: in order, their errors said, and none left when the first process is gone."""

import os
import signal
import subprocess
import sys
from functools import partial
from time import monotonic, sleep

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError
from maskpolicy.side_by_side import in_processes


def halves(*numbers):
    return {str(number): partial(divmod, number, 2) for number in numbers}


def test_results_come_in_order_from_processes_of_one_thread():
    assert list(in_processes(halves(7, 5, 3), 2)) == [(3, 1), (2, 1), (1, 1)]
    threads = {name: partial(os.getenv, "OMP_NUM_THREADS") for name in "ab"}
    assert set(in_processes(threads, 2)) == {"1"}
    assert os.getpid() not in set(in_processes(dict.fromkeys("ab", os.getpid), 2))


def test_one_process_needs_no_other():
    assert set(in_processes(dict.fromkeys("ab", os.getpid), 1)) == {os.getpid()}


def test_the_only_job_of_several_processes_has_one_thread_too():
    assert list(in_processes({"a": partial(os.getenv, "OMP_NUM_THREADS")}, 2)) == ["1"]
    assert list(in_processes({}, 2)) == []


def test_what_a_job_says_is_wrong_is_raised(tmp_path):
    wrong = {"missing": partial(read_json, tmp_path / "missing.json")}
    with pytest.raises(ArtefactError, match=r"cannot read .*missing\.json"):
        list(in_processes(halves(1) | wrong, 2))


def test_a_process_that_is_killed_is_named_by_what_it_was_at():
    killed = dict.fromkeys("bc", partial(signal.raise_signal, signal.SIGKILL))
    with pytest.raises(ArtefactError, match="b: a process at it, or beside it, was killed"):
        list(in_processes(killed, 2))


PROGRAM = """
import os, time

from maskpolicy.side_by_side import process_pool

if __name__ == "__main__":
    with process_pool(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(20)}, flush=True)
        time.sleep(60)
"""


def test_processes_end_with_the_one_that_started_them(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as first:
        others = list(map(int, first.stdout.readline().split()))
        first.kill()
    assert others
    until = monotonic() + 20
    while any(map(runs, others)) and monotonic() < until:
        sleep(0.1)
    assert not any(map(runs, others))


def runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
