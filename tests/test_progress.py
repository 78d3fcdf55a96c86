"""Progress in a log: a line now and then, and the last one of a training always."""

from io import StringIO

import pytest

from maskpolicy import progress
from maskpolicy.progress import LossAndSpeed, step_progress, work_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_training_has_a_line_now_and_then_and_at_its_end(clock, capsys):
    with step_progress("towns", 4, 0) as show:
        for step in range(4):
            clock[0] += 15
            show(f"loss {step}")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[-2:] for line in lines] == [
        ["0:30 left", "loss 1"],
        ["in 1:00", "loss 3"],
    ]
    assert lines[0].startswith("towns ") and " 50%" in lines[0] and "100%" in lines[1]


def test_a_resumed_training_says_so_and_its_bar_starts_where_it_was(clock, capsys):
    with step_progress("towns", 4000, 3000) as show:
        for step in range(3000, 3500):
            clock[0] += 10 if step < 3499 else 30
            show(f"loss {step}")
    said, *lines = capsys.readouterr().err.splitlines()
    assert said == "towns: goes on after step 3,000 of 4,000"
    # 500 steps in 5,020 seconds: the 500 that are left take as long, whatever was done before.
    assert lines[0].split()[2] == "75%"
    assert " 88%  1:23:40 left  loss 3499" in lines[-1]


def test_the_bar_of_a_resumed_training_starts_where_it_was(monkeypatch):
    terminal = StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    with step_progress("towns", 40, 30) as show:
        show("loss 1")
    assert "31/40" in terminal.getvalue()


def test_short_work_says_nothing(clock, capsys):
    with work_progress("shard", 1000) as advance:
        advance(500)
        clock[0] += 21
        advance(400)
        advance(100)
    (line,) = capsys.readouterr().err.splitlines()
    assert "90%" in line and line.endswith("0:02 left  900 of 1,000")


def test_the_loss_is_smoothed_and_tokens_are_timed(clock):
    shown = LossAndSpeed()
    clock[0] += 2
    assert shown.after(4.0, 1000) == "loss 4.000  500 tokens/s"
    clock[0] += 2
    assert shown.after(0.0, 5000) == "loss 3.920  1,500 tokens/s"
