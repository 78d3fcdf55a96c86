"""Saved compute at equal score: by hand, and of arms that are the same."""

import csv
from itertools import permutations

import numpy as np
import pytest

from maskpolicy.analysis.curves import Point
from maskpolicy.analysis.savings import (
    FEWEST_RUNS,
    NOTHING_TO_REACH,
    TOO_FEW_RUNS,
    Course,
    course_of,
    saving_of,
    write_savings,
)

STAGES = {"selector": 30.0, "masking of the corpus": 10.0, "intermediate pre-training": 200.0}


def course(name, stages=STAGES, runs=FEWEST_RUNS, **scores):
    """A course that starts after 100 steps, its runs alike; points as s200=0.5."""
    points = [Point(int(step[1:]), (score,) * runs) for step, score in scores.items()]
    return course_of(name, points, 100, stages)


# Fixed costs of 100 seconds, and 300 of training.
OTHER = {"selector": 100.0, "intermediate pre-training": 300.0}


@pytest.mark.parametrize(
    ("curve", "last", "score", "seconds", "other_seconds"),
    [
        # From 0.5 at 100 to 0.7 at 300: 0.6 after half of the stage, 40 + 100 seconds of 240. The
        # other one is there at its end.
        ({"s100": 0.5, "s300": 0.7}, 0.6, 0.6, 140.0, 400.0),
        ({"s100": 0.5, "s300": 0.7}, 0.7, 0.7, 240.0, 400.0),
        # The arm does not come as far as the other one: they are compared at its own last score.
        ({"s100": 0.5, "s300": 0.6}, 0.7, 0.6, 240.0, 250.0),
        # Scores that fall are noise: 0.62 and 0.58 are 0.6 at both, which it has at the first.
        ({"s100": 0.5, "s200": 0.62, "s300": 0.58}, 0.6, 0.6, 140.0, 400.0),
    ],
)
def test_fixed_costs_count_whole_and_pretraining_by_its_share(
    curve, last, score, seconds, other_seconds
):
    saving = saving_of("mr", course("a", **curve), course("b", OTHER, s100=0.5, s300=last))
    assert (saving.arm, saving.other, saving.other_total, saving.note) == ("a", "b", 400.0, "")
    assert saving.score == pytest.approx(score)
    assert saving.seconds == pytest.approx(seconds)
    assert saving.other_seconds == pytest.approx(other_seconds)
    share = (other_seconds - seconds) / 400
    assert (saving.saved_share, saving.low, saving.high) == (
        pytest.approx(share, abs=1e-4),
        pytest.approx(share, abs=1e-4),  # runs alike have no spread
        pytest.approx(share, abs=1e-4),
    )


def test_an_arm_that_costs_more_saves_less_than_nothing():
    expensive, cheap = course("a", OTHER, s100=0.5, s300=0.7), course("b", s100=0.5, s300=0.7)
    assert saving_of("mr", expensive, cheap).saved_share == pytest.approx(-160 / 240, abs=1e-4)


@pytest.mark.parametrize(
    ("last", "runs", "note"),
    [
        (0.4, FEWEST_RUNS, NOTHING_TO_REACH),
        (0.5, FEWEST_RUNS, NOTHING_TO_REACH),
        (0.7, 1, TOO_FEW_RUNS),
        (0.7, FEWEST_RUNS - 1, TOO_FEW_RUNS),
    ],
)
def test_where_there_is_nothing_to_say_fields_are_empty(last, runs, note, tmp_path):
    arm, other = (course(name, runs=runs, s100=0.5, s300=last) for name in "ab")
    saving = saving_of("mr", arm, other)
    assert saving.note == note
    write_savings(tmp_path / "saved.csv", [saving])
    with (tmp_path / "saved.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    empty = ("score", "seconds", "other_seconds", "saved_share", "low", "high")
    assert {row[key] for key in empty} == {""}
    assert (row["note"], row["runs"], row["other_total"]) == (note, str(runs), "240.0")


PLATEAU = [0.5, 0.68, 0.7, 0.7, 0.7, 0.7]


@pytest.mark.parametrize("truth", [PLATEAU, [0.5, 0.55, 0.6, 0.64, 0.67, 0.69]])
def test_arms_that_are_the_same_save_nothing(truth):
    random = np.random.default_rng(0)
    seconds = np.linspace(0, 100, len(truth))
    start = [1] + [0] * (len(truth) - 1)
    savings = []
    for _ in range(60):
        before = random.normal(0, 0.01, (5, 1))  # both start from the same checkpoint
        of_arms = [
            np.where(start, truth + before, truth + random.normal(0, 0.01, (5, len(truth))))
            for _ in range(2)
        ]
        one, other = (Course("x", scores, seconds) for scores in of_arms)
        savings += [saving_of("mr", *pair) for pair in permutations((one, other))]
    shares = np.array([saving.saved_share for saving in savings])
    assert shares[::2] == pytest.approx(-shares[1::2]), "exchanging the arms turns the sign"
    # 60 plateaus; the spread of one is about .3, so that of their mean is .04.
    assert abs(shares[::2].mean()) < 0.12
    covered = [saving.low <= 0 <= saving.high for saving in savings]
    assert np.mean(covered) >= 0.9


def test_an_arm_that_is_faster_is_told_from_noise():
    random = np.random.default_rng(1)
    seconds = np.linspace(0, 100, 6)
    fast, slow = (
        Course(name, truth + random.normal(0, 0.005, (5, 6)), seconds)
        for name, truth in (("fast", PLATEAU), ("slow", [0.5, 0.54, 0.58, 0.62, 0.66, 0.7]))
    )
    saving = saving_of("mr", fast, slow)
    assert 0 < saving.low < saving.saved_share < saving.high < 1
    assert str(saving).startswith(f"fast {saving.saved_share:+.0%} [")
