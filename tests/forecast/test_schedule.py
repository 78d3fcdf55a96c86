"""When jobs would end on so many machines."""

import pytest

from maskpolicy.errors import InputError
from maskpolicy.forecast.schedule import Machines, Task, longest_chain, remaining, wall_time


def test_what_waits_ends_after_what_it_waits_for():
    tasks = [Task(2.0), Task(3.0, (0,)), Task(1.0, (0,)), Task(4.0, (1, 2))]
    assert remaining(tasks) == [9.0, 7.0, 5.0, 4.0]
    assert longest_chain(tasks) == [0, 1, 3]
    assert wall_time(tasks, Machines(1)) == 10.0
    assert wall_time(tasks, Machines(2)) == 9.0


def test_a_free_machine_takes_the_task_with_the_longest_rest():
    """In the order of their numbers it would be 2 and 2, and then 3 alone."""
    tasks = [Task(2.0), Task(2.0), Task(4.0)]
    assert wall_time(tasks, Machines(2)) == 4.0


def test_gpus_and_cores_are_counted_apart():
    tasks = [Task(3.0, gpus=1), Task(3.0, gpus=1), Task(5.0)]
    assert wall_time(tasks, Machines(1, 1)) == 6.0
    assert wall_time(tasks, Machines(1, 2)) == 5.0
    with pytest.raises(InputError, match="a job wants 1 GPU, and there are 0"):
        wall_time(tasks, Machines(1, 0))


def test_a_task_of_several_gpus_waits_for_them_while_others_go_on():
    tasks = [Task(1.0, gpus=1), Task(4.0, gpus=2), Task(2.0, gpus=1)]
    assert wall_time(tasks, Machines(1, 2)) == 4.0 + 2.0
    assert wall_time(tasks, Machines(1, 3)) == 4.0


def test_a_task_of_several_cores_waits_for_them_while_others_go_on():
    tasks = [Task(1.0), Task(4.0, cores=2), Task(1.0), Task(3.0)]
    assert wall_time(tasks, Machines(2)) == 4.0 + 3.0
    assert wall_time([Task(4.0, cores=8)], Machines(2)) == 4.0


def test_tasks_that_wait_for_each_other_are_refused():
    with pytest.raises(ValueError, match="wait for each other"):
        remaining([Task(1.0, (1,)), Task(1.0, (0,))])


def test_of_nothing_it_is_nothing():
    assert longest_chain([]) == []
    assert wall_time([], Machines(1)) == 0.0
