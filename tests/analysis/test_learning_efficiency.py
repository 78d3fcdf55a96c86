"""The picture of scores against steps, its data, and what is said of saved time."""

import csv

import pytest
from support.scored_study import START, STEPS, STUDY, make_run, make_study

from maskpolicy.analysis.curves import curves_of, read_curves
from maskpolicy.analysis.learning_efficiency import draw_learning_efficiency, savings
from maskpolicy.errors import ArtefactError

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

    def draw(runs, folder="figures"):
        paths = [tmp_path / "runs" / f"{i}.json" for i in range(len(runs))]
        for path, run in zip(paths, runs, strict=True):
            run.write(path)
        costs = tmp_path / "costs.csv"
        costs.write_text(
            "arm,stage,seconds\n"
            + "".join(f"{arm},{stage},{s}\n" for arm in COSTS for stage, s in COSTS[arm].items())
        )
        draw_learning_efficiency(paths, costs, START, STEPS, tmp_path / folder, "curves")
        rows = []
        for name in ("curves.csv", "curves-saved.csv"):
            with (tmp_path / folder / name).open(newline="") as file:
                rows.append(list(csv.DictReader(file)))
        return (tmp_path / folder / "curves.svg").read_text(), *rows

    return draw


def test_time_is_saved_by_interpolation_of_the_score():
    saved = {
        (each.arm, each.reaches): (each.share_of_steps, each.seconds, each.saved_share, each.note)
        for each in savings(curves_of(make_study(), START, STEPS), START, COSTS)
    }
    nothing, never = "the score is not above that of the start", "the arm never has the score"
    assert saved == {
        # From 0.58 at 400 to 0.7 at 1000: 0.6 after 400 + 600 / 6 steps, half of them. That is
        # 20 + 5 + 50 seconds of the 100 that the other arm takes.
        ("ssm", "rand"): (0.5, 75.0, 0.25, ""),
        # Below what all start from.
        ("ssm", "ssm@control"): (None, None, None, nothing),
        ("rand", "ssm@control"): (None, None, None, nothing),
        ("rand", "ssm"): (None, None, None, never),
        ("ssm@control", "rand"): (None, None, None, never),
        ("ssm@control", "ssm"): (None, None, None, never),
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


def test_the_data_is_what_the_picture_shows(draw):
    _, rows, saved = draw(make_study({"none": (0.5,), "rand": (0.55, 0.6)}))
    columns = ["task", "metric", "arm", "total_steps", "mean", "low", "high", "runs"]
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
    assert second.task == "cola" and second.arms["rand"][0].interval is None


def test_what_is_saved_is_written_with_its_units_and_why_there_is_none(draw):
    *_, saved = draw(make_study())
    of_ssm = {row["reaches"]: row for row in saved if row["arm"] == "ssm"}
    assert of_ssm["rand"] | {"score": ""} == {
        "task": "mr",
        "arm": "ssm",
        "reaches": "rand",
        "score": "",
        "share_of_steps": "0.5",
        "seconds": "75.0",
        "other_seconds": "100.0",
        "saved_share": "0.25",
        "note": "",
    }
    assert float(of_ssm["rand"]["score"]) == pytest.approx(0.6)
    assert of_ssm["ssm@control"]["saved_share"] == of_ssm["ssm@control"]["seconds"] == ""
    assert of_ssm["ssm@control"]["note"] == "the score is not above that of the start"


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (STUDY, "time saved at the last score of rand: ssm +25%"),
        (STUDY | {"ssm": (0.5, 0.6)}, "time saved at the last score of rand: ssm -25%"),
        (STUDY | {"ssm": (0.5, 0.55)}, "no arm has the last score of rand"),
        (STUDY | {"rand": (0.4, 0.5)}, "rand does not end above none: no time to save"),
    ],
)
def test_the_picture_says_what_is_saved_against_the_first_arm(draw, study, said):
    svg, *_ = draw(make_study(study))
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
