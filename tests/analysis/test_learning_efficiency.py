"""Curves of scores against steps: golden values, and what the picture and its data hold."""

import csv

import pytest

from maskpolicy.analysis.learning_efficiency import (
    Saving,
    curves_of,
    draw_learning_efficiency,
    savings,
)
from maskpolicy.artefacts import ArtefactError
from maskpolicy.evaluation.metrics import METRICS
from maskpolicy.evaluation.runs import Run

STEPS = 1000

# Mean scores before pre-training, after 400 steps and after all 1000.
STUDY = {"none": (0.5,), "rand": (0.55, 0.6), "ssm": (0.58, 0.7), "ssm@control": (0.45, 0.48)}


def make_run(policy, score, step=None, seed=0, task="mr", metrics=("accuracy",)):
    return Run(
        model="bert",
        policy=policy,
        task=task,
        pretraining_seed=0,
        seed=seed,
        step=step,
        split="test",
        examples=100,
        metrics=dict.fromkeys(metrics, score),
        dev=dict.fromkeys(metrics, 0.5),
        signatures={metric: METRICS[metric].signature for metric in metrics},
        predictions_sha256="",
    )


def make_study(study=STUDY, spread=(-0.01, 0.01), **about):
    """Runs of every arm: one seed for each of `spread`, whose scores lie about the means."""
    return [
        make_run(arm, mean + off, step, seed, **about)
        for arm, means in study.items()
        for mean, step in zip(means, [None] if arm == "none" else [400, None], strict=True)
        for seed, off in enumerate(spread)
    ]


@pytest.fixture
def draw(tmp_path):
    """Write runs and draw them; returns the SVG, the rows, and the rows of what is saved."""

    def draw(runs, folder="figures"):
        paths = [tmp_path / "runs" / f"{i}.json" for i in range(len(runs))]
        for path, run in zip(paths, runs, strict=True):
            run.write(path)
        draw_learning_efficiency(paths, STEPS, tmp_path / folder, "curves")
        rows = []
        for name in ("curves.csv", "curves-saved.csv"):
            with (tmp_path / folder / name).open(newline="") as file:
                rows.append(list(csv.DictReader(file)))
        return (tmp_path / folder / "curves.svg").read_text(), *rows

    return draw


def test_curves_begin_where_the_arm_without_pretraining_ends():
    curves = curves_of(make_study(), STEPS)
    assert list(curves.arms) == list(STUDY)
    for arm, means in STUDY.items():
        expected = {0: 0.5} | ({} if arm == "none" else dict(zip((400, STEPS), means, strict=True)))
        points = curves.arms[arm]
        assert {point.step: round(point.mean, 9) for point in points} == expected
        assert all(point.runs == 2 for point in points)
        # The t interval of two runs: their standard deviation is √2 / 100, t is 12.706.
        assert points[-1].interval[1] - points[-1].mean == pytest.approx(0.12706, abs=1e-5)


def test_without_that_arm_curves_begin_at_the_first_kept_step():
    curves = curves_of([run for run in make_study() if run.policy != "none"], STEPS)
    assert [point.step for point in curves.arms["rand"]] == [400, STEPS]


def test_steps_are_saved_by_interpolation():
    saved = {
        (each.arm, each.reaches): each.share_of_steps
        for each in savings(curves_of(make_study(), STEPS))
    }
    assert saved == {
        # From 0.58 at 400 to 0.7 at 1000: 0.6 after 400 + 600 · 2/12 steps.
        ("ssm", "rand"): 0.5,
        # Below what it starts from: no step is needed.
        ("ssm", "ssm@control"): 0.0,
        ("rand", "ssm@control"): 0.0,
        ("rand", "ssm"): None,
        ("ssm@control", "rand"): None,
        ("ssm@control", "ssm"): None,
    }


def test_before_the_first_kept_step_nothing_is_known_without_a_start():
    study = {"rand": (0.55, 0.6), "ssm": (0.65, 0.7)}
    (never, first) = savings(curves_of(make_study(study), STEPS))
    assert never == Saving("mr", "rand", "ssm", None)
    assert first == Saving("mr", "ssm", "rand", 0.4)


def test_equal_last_scores_are_reached_at_the_end():
    """Although their means differ in the last digit, by the order of the seeds."""
    first, second = (0.1, 0.2, 0.3), (0.3, 0.2, 0.1)
    runs = [
        make_run(arm, score, step, seed)
        for arm, scores in (("a", first), ("b", second))
        for step, shift in ((400, -0.05), (None, 0.0))
        for seed, score in enumerate(score + shift for score in scores)
    ]
    assert [each.share_of_steps for each in savings(curves_of(runs, STEPS))] == [1.0, 1.0]


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
    assert rows[-1].keys() == {"task", "metric", "arm", "step", "mean", "low", "high", "runs"}
    assert [(row["arm"], int(row["step"]), round(float(row["mean"]), 9)) for row in rows] == [
        ("none", 0, 0.5),
        ("rand", 0, 0.5),
        ("rand", 400, 0.55),
        ("rand", 1000, 0.6),
    ]
    assert saved == [], "one arm saves nothing against another"


def test_a_score_that_is_never_reached_is_an_empty_field(draw):
    *_, saved = draw(make_study())
    assert {row["share_of_steps"] for row in saved} == {"", "0.0", "0.5"}


def test_the_same_runs_give_the_same_bytes(draw, tmp_path):
    for folder in ("first", "second"):
        draw(make_study(), folder)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
    assert len(list((tmp_path / "first").iterdir())) == 4


def test_a_run_that_is_none_is_named(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"metrics\.json"):
        draw_learning_efficiency([tmp_path / "metrics.json"], STEPS, tmp_path, "curves")
    with pytest.raises(ArtefactError, match="no runs"):
        draw_learning_efficiency([], STEPS, tmp_path, "curves")
