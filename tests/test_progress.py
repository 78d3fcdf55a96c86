"""Progress: a line now and then where there is no terminal."""

from maskpolicy import progress


def test_a_log_gets_a_last_line_with_loss_and_speed(capsys):
    with progress.training_progress("ssm", 4) as advance:
        for loss in (4.0, 3.0, 2.0, 1.0):
            advance(loss, 1234.5)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ssm ") and "100%" in line
    assert "loss 3.8" in line  # smoothed, or every line would be of a single batch
    assert "1,234 tokens/s" in line


def test_lines_come_now_and_then(capsys, monkeypatch):
    times = iter([0.0, *(10.0 * step for step in range(1, 20))])
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    with progress.work_progress("annotate shard-0", 6) as advance:
        for _ in range(6):
            advance(1)
    shown = [line.split()[2] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["3", "6"]  # every 20 seconds of those that are ten apart
