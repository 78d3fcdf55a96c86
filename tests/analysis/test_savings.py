"""Saved compute at equal score, by hand."""

import csv

import pytest

from maskpolicy.analysis.curves import Point
from maskpolicy.analysis.savings import NEVER, NOTHING_TO_REACH, Goal, saving_of, write_savings

STAGES = {"selector": 30.0, "masking of the corpus": 10.0, "intermediate pre-training": 200.0}


def points(**scores):
    """Points of one run each, as s100=0.5."""
    return [Point(int(step[1:]), score, None, 1) for step, score in scores.items()]


@pytest.mark.parametrize(
    ("curve", "score", "share", "seconds", "saved"),
    [
        # Between 0.5 at 100 and 0.7 at 300: 0.6 after half of the stage, 40 + 100 of 400 seconds.
        ({"s100": 0.5, "s300": 0.7}, 0.6, 0.5, 140.0, 0.65),
        # At the end: everything, 240 of 400 seconds.
        ({"s100": 0.5, "s300": 0.7}, 0.7, 1.0, 240.0, 0.4),
        # The first time counts, not what comes later.
        ({"s100": 0.5, "s150": 0.6, "s200": 0.4, "s300": 0.9}, 0.6, 0.25, 90.0, 0.775),
        # Without the start, nothing is known before the first kept step.
        ({"s200": 0.8, "s300": 0.9}, 0.6, 0.5, 140.0, 0.65),
    ],
)
def test_fixed_costs_count_whole_and_pretraining_by_its_share(curve, score, share, seconds, saved):
    saving = saving_of("mr", "selective", points(**curve), 100, STAGES, Goal("rand", score, 400.0))
    assert (saving.arm, saving.reaches, saving.other_seconds) == ("selective", "rand", 400.0)
    assert (saving.share_of_steps, saving.seconds, saving.saved_share, saving.note) == (
        pytest.approx(share),
        pytest.approx(seconds),
        pytest.approx(saved),
        "",
    )


def test_an_arm_that_costs_more_saves_less_than_nothing():
    goal = Goal("rand", 0.7, 200.0)
    assert saving_of("mr", "a", points(s0=0.5, s9=0.7), 0, STAGES, goal).saved_share == -0.2


@pytest.mark.parametrize(
    ("score", "note"),
    [(0.4, NOTHING_TO_REACH), (0.5, NOTHING_TO_REACH), (0.71, NEVER)],
)
def test_where_there_is_nothing_to_compare_fields_are_empty(score, note, tmp_path):
    saving = saving_of("mr", "a", points(s0=0.5, s9=0.7), 0, STAGES, Goal("b", score, 400.0))
    assert saving.note == note
    write_savings(tmp_path / "saved.csv", [saving])
    with (tmp_path / "saved.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert [row[key] for key in ("share_of_steps", "seconds", "saved_share")] == ["", "", ""]
    assert row["note"] == note


def test_equal_scores_are_reached_although_they_differ_by_rounding():
    last = sum((0.1, 0.2, 0.3)) / 3
    other = sum((0.3, 0.2, 0.1)) / 3
    goal = Goal("b", max(last, other), 400.0)
    saving = saving_of("mr", "a", points(s0=0.1, s9=min(last, other)), 0, STAGES, goal)
    assert saving.share_of_steps == 1.0
