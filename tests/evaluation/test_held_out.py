"""Held-out losses of the arms of a table, together."""

import csv

from maskpolicy.evaluation.held_out import HeldOutLosses, collect_held_out, mean_losses


def losses(arm, seed, **of_steps):
    by_step = {int(step[1:]): loss for step, loss in of_steps.items()}
    return HeldOutLosses(arm=arm, pretraining_seed=seed, rows=5, tokens=10, losses=by_step)


def test_losses_of_arms_are_one_file_and_begin_where_all_do(tmp_path):
    measured = [
        *(losses("none", 0, s0=5.0), losses("none", 1, s0=4.0)),
        *(losses("rand", 0, s4=3.0, s9=2.0), losses("rand", 1, s4=2.0, s9=2.5)),
    ]
    assert mean_losses(measured) == {"none": {0: 4.5}, "rand": {0: 4.5, 4: 2.5, 9: 2.25}}
    assert mean_losses(measured[2:]) == {"rand": {4: 2.5, 9: 2.25}}
    collect_held_out(measured, 700, tmp_path / "losses.csv")
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[2] == {
        "arm": "rand",
        "total_steps": "704",
        "pretraining_seed": "0",
        "nats_per_token": "3.0",
        "tokens": "10",
    }
