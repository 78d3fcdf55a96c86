"""The picture of scores against steps, its data, and what is said of saved time."""

import csv

import pytest
from support.scored_study import FIVE_RUNS, START, STEPS, STUDY, TWO_RUNS, make_run, make_study

from maskpolicy.analysis.curves import curves_of, read_curves
from maskpolicy.analysis.learning_efficiency import draw_learning_efficiency, savings
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.held_out import HeldOutLosses

# Seconds. What all arms have in common is not theirs to save.
GENERAL, STAGE = {"general pre-training": 5000.0}, {"intermediate pre-training": 100.0}
COSTS = {
    "rand": GENERAL | STAGE,
    "ssm": GENERAL | {"annotator": 20.0, "masking of the corpus": 5.0} | STAGE,
    "ssm@control": GENERAL | {"masking of the corpus": 30.0} | STAGE,
}


@pytest.fixture
def draw(tmp_path):
    """Write runs and draw them; returns the SVG, the rows, and the rows of what is saved."""

    def draw(runs, folder="figures", held_out=()):
        paths = [tmp_path / "runs" / f"{i}.json" for i in range(len(runs))]
        for path, run in zip(paths, runs, strict=True):
            run.write(path)
        costs = tmp_path / "costs.csv"
        costs.write_text(
            "arm,stage,seconds\n"
            + "".join(f"{arm},{stage},{s}\n" for arm in COSTS for stage, s in COSTS[arm].items())
        )
        draw_learning_efficiency(paths, costs, START, STEPS, tmp_path / folder, "curves", held_out)
        rows = []
        for name in ("curves.csv", "curves-saved.csv"):
            with (tmp_path / folder / name).open(newline="") as file:
                rows.append(list(csv.DictReader(file)))
        return (tmp_path / folder / "curves.svg").read_text(), *rows

    return draw


def test_time_is_saved_by_interpolation_of_the_score():
    runs = make_study(spread=FIVE_RUNS)
    saved = {
        (each.arm, each.other): (each.seconds, each.other_seconds, each.saved_share, each.note)
        for each in savings(curves_of(runs, START, STEPS), START, COSTS)
    }
    nothing = "the score that both come to is not above that of the first point"
    assert saved == {
        # From 0.58 at 400 to 0.7 at 1000: 0.6 after 400 + 600 / 6 steps, half of them. That is
        # 20 + 5 + 50 seconds, of 125 in all, where the other arm takes 100, its all.
        ("ssm", "rand"): (75.0, 100.0, 0.25, ""),
        ("rand", "ssm"): (100.0, 75.0, -0.2, ""),
        # Below what all start from.
        ("ssm", "ssm@control"): (None, None, None, nothing),
        ("rand", "ssm@control"): (None, None, None, nothing),
        ("ssm@control", "rand"): (None, None, None, nothing),
        ("ssm@control", "ssm"): (None, None, None, nothing),
    }


def test_a_single_seed_has_no_interval(draw):
    svg, rows, _ = draw(make_study(spread=(0.0,)))
    assert ">ssm</text>" in svg
    assert {(row["low"], row["high"], row["runs"]) for row in rows} == {("", "", "1")}


def test_each_task_has_a_panel_with_its_own_first_metric(draw):
    runs = make_study() + make_study(task="cola", metrics=("mcc", "accuracy"))
    svg, rows, saved = draw(runs)
    for text in ("mr", "cola", "Acc. (×100)", "MCC (×100)", *STUDY):
        assert f">{text}</text>" in svg, text
    assert {(row["task"], row["metric"]) for row in rows} == {("mr", "accuracy"), ("cola", "mcc")}
    assert [row["task"] for row in saved] == ["mr"] * 6 + ["cola"] * 6


def test_held_out_losses_have_a_panel_of_their_own(draw):
    told = {"none": {0: 4.0}, "rand": {400: 3.0, 1000: 2.5}, "ssm@control": {400: 3.5, 1000: 3.0}}
    measured = [
        HeldOutLosses(arm=arm, pretraining_seed=0, rows=5, tokens=10, losses=losses)
        for arm, losses in told.items()
    ]
    svg, rows, _ = draw(make_study(), held_out=measured)
    assert ">loss (nats per predicted token)</text>" in svg
    without, same_rows, _ = draw(make_study(), "without")
    assert "nats" not in without and rows == same_rows, "they are no scores"


def test_the_data_is_what_the_picture_shows(draw):
    _, rows, saved = draw(make_study({"none": (0.5,), "rand": (0.55, 0.6)}))
    columns = ["task", "metric", "arm", "total_steps", "mean", "low", "high", "runs"]
    columns += ["scores"]
    assert list(rows[-1]) == columns
    assert [
        (row["arm"], int(row["total_steps"]), round(float(row["mean"]), 9)) for row in rows
    ] == [
        ("none", 2000, 0.5),
        ("rand", 2000, 0.5),
        ("rand", 2400, 0.55),
        ("rand", 3000, 0.6),
    ]
    assert saved == [], "one arm saves nothing against another"


def test_data_beside_the_picture_can_be_read_again(draw, tmp_path):
    draw(make_study() + make_study(task="cola", metrics=("mcc",), spread=(0.0,)))
    first, second = read_curves(tmp_path / "figures" / "curves.csv")
    assert first == curves_of(make_study(), START, STEPS)
    assert second.task == "cola" and second.arms["rand"][0].summary.interval is None


def test_what_is_saved_is_written_with_its_units_and_why_there_is_none(draw):
    *_, saved = draw(make_study(spread=FIVE_RUNS))
    of_ssm = {row["other"]: row for row in saved if row["arm"] == "ssm"}
    of_rand = of_ssm["rand"]
    assert of_rand | {"low": "", "high": ""} == {
        "task": "mr",
        "arm": "ssm",
        "other": "rand",
        "runs": "5",
        "score": "0.6",
        "seconds": "75.0",
        "other_seconds": "100.0",
        "other_total": "100.0",
        "saved_share": "0.25",
        "low": "",
        "high": "",
        "note": "",
    }
    # All arms of a run are off by as much, so that nothing of it is left in their difference.
    assert float(of_rand["low"]) == float(of_rand["high"]) == 0.25
    assert of_ssm["ssm@control"]["saved_share"] == of_ssm["ssm@control"]["seconds"] == ""
    assert "not above that of the first point" in of_ssm["ssm@control"]["note"]


@pytest.mark.parametrize(
    ("study", "spread", "said"),
    [
        (STUDY, FIVE_RUNS, "time saved against rand: ssm +25% [+25%, +25%]"),
        (
            STUDY | {"ssm": (0.5, 0.6)},
            FIVE_RUNS,
            "time saved against rand: ssm -25% [-25%, -25%]",
        ),
        (
            STUDY | {"rand": (0.4, 0.5)},
            FIVE_RUNS,
            "no arm and rand both rise: no time to save",
        ),
        (STUDY, TWO_RUNS, "fewer than 5 runs: time saved can't be told from noise"),
    ],
)
def test_the_picture_says_what_is_saved_against_the_first_arm(draw, study, spread, said):
    svg, *_ = draw(make_study(study, spread))
    assert f">{said}</text>" in svg


def test_steps_are_those_of_all_pretraining(draw, tmp_path):
    svg, *_ = draw(make_study())
    assert ">steps of pre-training, the first 2,000 of them general</text>" in svg


def test_an_arm_without_costs_is_named(draw):
    with pytest.raises(ArtefactError, match=r"costs\.csv lacks span"):
        draw([*make_study(), make_run("span", 0.5)])


def test_the_same_runs_give_the_same_bytes(draw, tmp_path):
    for folder in ("first", "second"):
        draw(make_study(), folder)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
    assert len(list((tmp_path / "first").iterdir())) == 4


def test_a_run_that_is_none_is_named(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"metrics\.json"):
        draw_learning_efficiency(
            [tmp_path / "metrics.json"], tmp_path / "costs.csv", 0, STEPS, tmp_path, "curves"
        )
    with pytest.raises(ArtefactError, match="no runs"):
        draw_learning_efficiency([], tmp_path / "costs.csv", 0, STEPS, tmp_path, "curves")
