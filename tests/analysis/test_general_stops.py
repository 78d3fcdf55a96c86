"""One picture of tables that start from several checkpoints of the general stage."""

import csv
from pathlib import Path

import pytest
from support.scored_study import FIVE_RUNS, TWO_RUNS, make_study

from maskpolicy.analysis.general_stops import draw_general_stops
from maskpolicy.analysis.learning_efficiency import draw_learning_efficiency
from maskpolicy.analysis.specs import StoppedTable
from maskpolicy.errors import ArtefactError

# Mean scores after general pre-training, and after 400 and all 1000 steps more.
STUDIES = {
    2000: {"none": (0.5,), "random": (0.52, 0.55), "chosen-2k": (0.56, 0.7)},
    4000: {"none": (0.54,), "random": (0.55, 0.56), "chosen-4k": (0.6, 0.72)},
    9000: {"none": (0.63,), "random": (0.64, 0.65), "chosen-9k": (0.66, 0.75)},
}


@pytest.fixture
def tables(tmp_path):
    """Draw each study alone; a general step takes a second, a stage 1000, a selector 100."""

    def make(studies, tasks=("mr",), spread=FIVE_RUNS):
        made = []
        for start, study in studies.items():
            folder = tmp_path / str(start)
            runs = [run for task in tasks for run in make_study(study, spread, task=task)]
            for i, run in enumerate(runs):
                run.write(folder / f"{i}.json")
            arms = [arm for arm in study if arm != "none"]
            rows = [f"{arm},general pre-training,{start}.0" for arm in arms]
            rows += [f"{arm},selector,100.0" for arm in arms if arm != "random"]
            rows += [f"{arm},intermediate pre-training,1000.0" for arm in arms]
            (folder / "costs.csv").write_text("\n".join(["arm,stage,seconds", *rows, ""]))
            files = [folder / f"{i}.json" for i in range(len(runs))]
            draw_learning_efficiency(files, folder / "costs.csv", start, 1000, folder, "curves")
            made.append(
                StoppedTable(
                    general_steps=start,
                    curves=str(folder / "curves.csv"),
                    costs=str(folder / "costs.csv"),
                    arms={arm: arm.split("-")[0] for arm in arms},
                )
            )
        return made

    return make


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_curves_lie_along_all_steps(tables, tmp_path):
    draw_general_stops(tables(STUDIES)[::-1], tmp_path / "joint", "curves")
    points = [
        (int(row["general_steps"]), row["arm"], int(row["total_steps"]), float(row["mean"]))
        for row in rows_of(tmp_path / "joint" / "curves.csv")
    ]
    expected = [
        (start, arm, start + step, pytest.approx(mean))
        for start, study in STUDIES.items()
        for arm, means in study.items()
        for step, mean in zip((0, 400, 1000), (study["none"] + means)[-3:], strict=False)
        if arm != "none" or step == 0
    ]
    assert points == expected


def test_time_is_saved_against_the_longest_general_pretraining_alone(tables, tmp_path):
    draw_general_stops(tables(STUDIES), tmp_path / "joint", "curves")
    saved = {row["arm"]: row for row in rows_of(tmp_path / "joint" / "curves-saved.csv")}
    assert list(saved) == [
        f"{arm} after {start} general steps"
        for start, arms in (("2,000", ["random", "chosen-2k"]), ("4,000", ["random", "chosen-4k"]))
        for arm in arms
    ]
    assert {row["other"] for row in saved.values()} == {"none after 9,000 general steps"}
    assert {row["other_total"] for row in saved.values()} == {"9000.0"}
    # 0.63 lies halfway between 0.56 at 400 and 0.7 at 1000: 2000 + 100 + 700 seconds.
    early = saved["chosen-2k after 2,000 general steps"]
    assert (early["score"], early["seconds"], early["other_seconds"]) == (
        "0.63",
        "2800.0",
        "9000.0",
    )
    assert float(early["saved_share"]) == pytest.approx(1 - 2800 / 9000, abs=1e-4)
    # A quarter of the way from 0.6 to 0.72: 4000 + 100 + 550.
    late = saved["chosen-4k after 4,000 general steps"]
    assert (late["seconds"], late["saved_share"]) == ("4650.0", str(round(1 - 4650 / 9000, 4)))
    # This one ends at 0.55, after 3000 seconds; general pre-training alone has 0.54 after 4000 and
    # 0.63 after 9000, so 0.55 after a ninth of the way.
    random = saved["random after 2,000 general steps"]
    assert (random["seconds"], random["other_seconds"]) == ("3000.0", "4555.56")
    svg = (tmp_path / "joint" / "curves.svg").read_text()
    assert ">most time saved against none after 9,000 general steps, of 4 arms:" in svg
    assert "+69% [" in svg


def test_with_few_runs_nothing_is_said_of_time(tables, tmp_path):
    draw_general_stops(tables(STUDIES, spread=TWO_RUNS), tmp_path / "joint", "curves")
    saved = rows_of(tmp_path / "joint" / "curves-saved.csv")
    assert {(row["saved_share"], row["low"], row["runs"]) for row in saved} == {("", "", "2")}
    svg = (tmp_path / "joint" / "curves.svg").read_text()
    assert "fewer than 5 runs: time saved can't be told from noise" in svg


def test_tables_of_different_runs_are_named(tables, tmp_path):
    first, *_ = tables(STUDIES, spread=TWO_RUNS)
    other = first.model_copy(update={"curves": first.curves + ".csv", "general_steps": 4000})
    lines = Path(first.curves).read_text().splitlines()
    fewer = [",".join([*line.split(",")[:-1], "0.5"]) for line in lines[1:]]
    Path(other.curves).write_text("\n".join([lines[0], *fewer]))
    with pytest.raises(ArtefactError, match=r"different numbers of runs: 2 in .* 1 in .*csv\.csv"):
        draw_general_stops([first, other], tmp_path / "joint", "curves")


def test_a_policy_has_one_entry_in_the_legend_whatever_its_start(tables, tmp_path):
    draw_general_stops(tables(STUDIES), tmp_path / "joint", "curves")
    svg = (tmp_path / "joint" / "curves.svg").read_text()
    for text in ("general pre-training alone", "random", "chosen", "steps of pre-training", "mr"):
        assert svg.count(f">{text}</text>") == 1, text
    assert "chosen-2k</text>" not in svg


def test_each_task_has_a_panel(tables, tmp_path):
    draw_general_stops(tables(STUDIES, tasks=("mr", "cola")), tmp_path / "joint", "curves")
    assert {row["task"] for row in rows_of(tmp_path / "joint" / "curves.csv")} == {"mr", "cola"}
    svg = (tmp_path / "joint" / "curves.svg").read_text()
    assert svg.count(">mr</text>") == svg.count(">cola</text>") == 1


def test_where_nothing_is_gained_the_picture_says_so(tables, tmp_path):
    studies = {start: study | {"none": (0.8,)} for start, study in STUDIES.items()}
    draw_general_stops(tables(studies), tmp_path / "joint", "curves")
    saved = rows_of(tmp_path / "joint" / "curves-saved.csv")
    assert {row["saved_share"] for row in saved} == {""}
    said = ">no arm and none after 9,000 general steps both come above where they"
    assert said in (tmp_path / "joint" / "curves.svg").read_text()


def test_without_the_checkpoints_themselves_there_are_only_curves(tables, tmp_path):
    studies = {
        start: {arm: means for arm, means in study.items() if arm != "none"}
        for start, study in STUDIES.items()
    }
    draw_general_stops(tables(studies), tmp_path / "joint", "curves")
    assert rows_of(tmp_path / "joint" / "curves-saved.csv") == []
    assert "general pre-training alone" not in (tmp_path / "joint" / "curves.svg").read_text()


def test_a_file_that_lacks_an_arm_is_named(tables, tmp_path):
    first, second, *_ = tables(STUDIES)
    for broken in ({"curves": second.curves}, {"costs": second.costs}):
        (path,) = broken.values()
        with pytest.raises(ArtefactError, match=path):
            draw_general_stops([first.model_copy(update=broken), second], tmp_path / "x", "curves")
    assert not (tmp_path / "x").exists()


def test_the_same_files_give_the_same_bytes(tables, tmp_path):
    made = tables(STUDIES)
    for folder in ("first", "second"):
        draw_general_stops(made, tmp_path / folder, "curves")
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
