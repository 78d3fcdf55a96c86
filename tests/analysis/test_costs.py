"""Seconds of every stage: read from what jobs measured, summed, and drawn."""

import csv
import json

import pytest

from maskpolicy.analysis.benchmarks import read_costs
from maskpolicy.analysis.costs import SECONDS, draw_costs
from maskpolicy.analysis.specs import ArmFiles
from maskpolicy.errors import ArtefactError

PARTS = {"classifier": 40.0, "important tokens": 20.0, "selector": 60.0}


@pytest.fixture
def benchmark(tmp_path):
    """Write a benchmark file as Snakemake's; returns its path."""

    def write(name, seconds):
        (tmp_path / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t-\n")
        return str(tmp_path / f"{name}.tsv")

    return write


@pytest.fixture
def arms(tmp_path, benchmark):
    """One arm without a network, one with a network in three parts, one with a network in one.

    They start after a quarter of the general stage; the second one has a control.
    """
    (tmp_path / "selector").mkdir()
    (tmp_path / "selector" / SECONDS).write_text(json.dumps(PARTS))
    networks = {
        "random": {},
        "selective": {str(tmp_path / "selector"): benchmark("selector", 130.0)},
        "selective@control": {str(tmp_path / "selector"): benchmark("selector", 130.0)},
        "supervised": {str(tmp_path / "spans"): benchmark("spans", 30.0)},
    }
    return [
        ArmFiles(
            arm=arm,
            networks=of_arm,
            general=(benchmark("general-0", 390.0), benchmark("general-1", 410.0)),
            general_share=0.25,
            masking=(benchmark(f"{arm}-0", 1.5), benchmark(f"{arm}-1", 2.5)),
            pretraining=(benchmark(f"{arm}-p0", 100.0), benchmark(f"{arm}-p1", 110.0)),
        )
        for arm, of_arm in networks.items()
    ]


def rows_of(folder):
    with (folder / "costs.csv").open(newline="") as file:
        return {(row["arm"], row["stage"]): float(row["seconds"]) for row in csv.DictReader(file)}


def test_seconds_are_of_one_checkpoint_for_every_arm(arms, tmp_path):
    """Shards are summed; of pre-training seeds it is the mean, of general steps the share."""
    draw_costs(arms, tmp_path, "costs")
    always = {
        "general pre-training": 100.0,
        "masking of the corpus": 4.0,
        "intermediate pre-training": 105.0,
    }
    expected = {
        "random": always,
        "selective": PARTS | always,
        "selective@control": PARTS | always,
        "supervised": {"policy network": 30.0} | always,
    }
    assert read_costs(tmp_path / "costs.csv") == expected
    assert rows_of(tmp_path) == {
        (arm, stage): seconds
        for arm, stages in expected.items()
        for stage, seconds in stages.items()
    }


def test_arms_with_a_network_have_a_pie_and_the_legend_has_the_stages_of_all(arms, tmp_path):
    draw_costs(arms, tmp_path, "costs")
    svg = (tmp_path / "costs.svg").read_text()
    stages = ["general pre-training", "policy network", *PARTS]
    stages += ["masking of the corpus", "intermediate pre-training"]
    for text in ("selective", "supervised", "329 s", "239 s", *stages):
        assert f">{text}</text>" in svg, text
    assert ">random</text>" not in svg
    assert ">selective@control</text>" not in svg, "the same as of its policy"
    # 40 of 329 seconds; 4 of them are too few for a label.
    assert ">12%</text>" in svg
    assert ">1%</text>" not in svg
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def usual(benchmark):
    """What every arm has."""
    return {"masking": (benchmark("masking", 1.0),), "pretraining": (benchmark("stage", 9.0),)}


def test_a_policy_of_two_networks_costs_both(benchmark, usual, tmp_path):
    networks = {
        str(tmp_path / name): benchmark(name, seconds) for name, seconds in (("a", 3), ("b", 4))
    }
    draw_costs([ArmFiles(arm="both", networks=networks, **usual)], tmp_path, "costs")
    assert rows_of(tmp_path)["both", "policy network"] == 7


def test_where_no_policy_is_learned_every_arm_has_a_pie(usual, tmp_path):
    draw_costs([ArmFiles(arm=arm, **usual) for arm in ("random", "span")], tmp_path, "costs")
    svg = (tmp_path / "costs.svg").read_text()
    for text in ("random", "span", "10 s", "90%", "masking of the corpus"):
        assert f">{text}</text>" in svg, text
    assert "general pre-training" not in svg, "without that stage it is not in the legend"
    stages = {"masking of the corpus", "intermediate pre-training"}
    assert set(rows_of(tmp_path)) == {(arm, each) for arm in ("random", "span") for each in stages}


@pytest.mark.parametrize("content", [None, "arm,stage\na,b\n", "arm,stage,seconds\na,b,long\n"])
def test_damaged_costs_are_named(tmp_path, content):
    if content is not None:
        (tmp_path / "costs.csv").write_text(content)
    with pytest.raises(ArtefactError, match=r"costs\.csv"):
        read_costs(tmp_path / "costs.csv")


@pytest.mark.parametrize("content", [None, "", "s\th:m:s\n", "seconds\n3\n", "s\tx\n-\t0\n"])
def test_a_missing_or_damaged_measurement_is_named(arms, tmp_path, content):
    file = tmp_path / "selective-p1.tsv"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(ArtefactError, match=r"selective-p1\.tsv"):
        draw_costs(arms, tmp_path, "costs")
    assert not (tmp_path / "costs.csv").exists()


@pytest.mark.parametrize("content", ["[1]", '{"selector": "long"}', "{"])
def test_damaged_seconds_of_parts_are_named(arms, tmp_path, content):
    (tmp_path / "selector" / SECONDS).write_text(content)
    with pytest.raises(ArtefactError, match=r"seconds\.json"):
        draw_costs(arms, tmp_path, "costs")


def test_the_same_measurements_give_the_same_bytes(arms, tmp_path):
    for folder in ("first", "second"):
        draw_costs(arms, tmp_path / folder, "costs")
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
