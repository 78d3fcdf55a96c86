"""The sweep over K: which arms are points and which are lines to compare with."""

import csv

import pytest

from maskpolicy.analysis.mask_sweep import draw_mask_sweep
from maskpolicy.errors import ArtefactError
from maskpolicy.statistics.significance import (
    ArmScores,
    Column,
    ComparedBlock,
    SeedPair,
    Significance,
)

MASKS = {"explored-4": 4, "explored-2": 2}
MEANS = {
    "none": 0.5,
    "rand": 0.52,
    "explored-4": 0.6,
    "explored-2": 0.56,
    "explored-2@control": 0.51,
}


@pytest.fixture
def significance(tmp_path):
    """Write what the stage before writes, for some tasks and their metrics; returns its path."""

    def write(columns=(("mr", "accuracy"),), means=MEANS, seeds=2):
        arms = [
            ArmScores(
                arm=arm,
                policy=arm,
                stage="cs",
                scores=[mean] * seeds,
                mean=mean,
                std=0.01 if seeds > 1 else None,
                interval=(mean - 0.01, mean + 0.01) if seeds > 1 else None,
                learning_rates=[1e-5] * seeds,
                only_predictions=[None] * seeds,
                shade="none",
            )
            for arm, mean in means.items()
        ]
        about = {"signature": "", "split": "test", "examples": 9, "best": "rand", "comparisons": []}
        about |= {"grid": [1e-5], "flat": None}
        Significance(
            threshold=0.1,
            confidence=0.95,
            randomisations=10,
            resamples=10,
            seeds=[SeedPair(pretraining=0, finetuning=seed) for seed in range(seeds)],
            blocks=[
                ComparedBlock(
                    model="bert",
                    columns=[Column(task=t, metric=m, arms=arms, **about) for t, m in columns],
                )
            ],
        ).write(tmp_path / "significance.json")
        return tmp_path / "significance.json"

    return write


def read_rows(folder):
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_arm_is_in_the_data_and_explored_ones_have_their_k(significance, tmp_path):
    draw_mask_sweep(significance(), MASKS, tmp_path, "sweep")
    rows = read_rows(tmp_path)
    assert {row["arm"]: row["masks"] for row in rows} == {
        "none": "",
        "rand": "",
        "explored-4": "4",
        "explored-2": "2",
        "explored-2@control": "",
    }
    assert {row["arm"]: float(row["mean"]) for row in rows} == MEANS
    assert [float(rows[2][bound]) for bound in ("low", "high")] == pytest.approx([0.59, 0.61])


def test_every_column_is_a_panel_and_other_arms_are_named(significance, tmp_path):
    columns = (("mr", "accuracy"), ("cola", "mcc"))
    draw_mask_sweep(significance(columns), MASKS, tmp_path, "sweep")
    svg = (tmp_path / "sweep.svg").read_text()
    named = ("mr", "cola", "Acc. (×100)", "MCC (×100)", "K, masks that do not overlap")
    for text in (*named, "fully-explored", "none", "rand", "explored-2@control"):
        assert f">{text}</text>" in svg, text
    assert ">explored-4</text>" not in svg, "a point, which its K names"
    assert [row["task"] for row in read_rows(tmp_path)] == ["mr"] * 5 + ["cola"] * 5


def test_two_arms_may_have_the_same_k(significance, tmp_path):
    means = MEANS | {"explored-words": 0.57}
    draw_mask_sweep(significance(means=means), MASKS | {"explored-words": 2}, tmp_path, "sweep")
    assert [row["masks"] for row in read_rows(tmp_path)].count("2") == 2


def test_a_single_seed_has_no_interval(significance, tmp_path):
    draw_mask_sweep(significance(seeds=1), MASKS, tmp_path, "sweep")
    assert {(row["low"], row["high"]) for row in read_rows(tmp_path)} == {("", "")}


def test_the_same_scores_give_the_same_bytes(significance, tmp_path):
    for folder in ("first", "second"):
        draw_mask_sweep(significance(), MASKS, tmp_path / folder, "sweep")
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()


def test_an_unreadable_input_is_named(tmp_path):
    (tmp_path / "significance.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"significance\.json"):
        draw_mask_sweep(tmp_path / "significance.json", MASKS, tmp_path, "sweep")
