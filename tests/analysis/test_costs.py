"""Seconds of every stage: read from what jobs measured, summed, and drawn."""

import csv
import json

import pytest

from maskpolicy.analysis.costs import SECONDS, draw_costs
from maskpolicy.analysis.specs import ArmFiles
from maskpolicy.artefacts import ArtefactError
from maskpolicy.errors import InputError

PARTS = {"classifier": 40.0, "important tokens": 20.0, "selector": 60.0}


@pytest.fixture
def benchmark(tmp_path):
    """Write a benchmark file as Snakemake's, with as many lines as seconds; returns its path."""

    def write(name, *seconds):
        lines = [f"{s}\t0:00:01\t-\n" for s in seconds]
        (tmp_path / f"{name}.tsv").write_text("".join(["s\th:m:s\tmax_rss\n", *lines]))
        return str(tmp_path / f"{name}.tsv")

    return write


@pytest.fixture
def arms(tmp_path, benchmark):
    """One arm without a network, one with a network in three parts, one with a network in one."""
    (tmp_path / "selector").mkdir()
    (tmp_path / "selector" / SECONDS).write_text(json.dumps(PARTS))
    networks = {
        "random": {},
        "selective": {str(tmp_path / "selector"): benchmark("selector", 130.0)},
        "supervised": {str(tmp_path / "spans"): benchmark("spans", 30.0)},
    }
    return [
        ArmFiles(
            arm=arm,
            networks=of_arm,
            masking=(benchmark(f"{arm}-0", 1.5), benchmark(f"{arm}-1", 2.5)),
            pretraining=(benchmark(f"{arm}-p0", 100.0), benchmark(f"{arm}-p1", 110.0)),
        )
        for arm, of_arm in networks.items()
    ]


def rows_of(folder):
    with (folder / "costs.csv").open(newline="") as file:
        return {(row["arm"], row["stage"]): float(row["seconds"]) for row in csv.DictReader(file)}


def test_seconds_are_summed_by_stage_for_every_arm(arms, tmp_path):
    draw_costs(arms, tmp_path, "costs")
    always = {"masking of the corpus": 4.0, "intermediate pre-training": 210.0}
    expected = {
        "random": always,
        "selective": PARTS | always,
        "supervised": {"policy network": 30.0} | always,
    }
    assert rows_of(tmp_path) == {
        (arm, stage): seconds
        for arm, stages in expected.items()
        for stage, seconds in stages.items()
    }


def test_arms_with_a_network_have_a_pie_and_the_legend_has_the_stages_of_all(arms, tmp_path):
    draw_costs(arms, tmp_path, "costs")
    svg = (tmp_path / "costs.svg").read_text()
    stages = ["policy network", *PARTS, "masking of the corpus", "intermediate pre-training"]
    for text in ("selective", "supervised", "334 s", "244 s", *stages):
        assert f">{text}</text>" in svg, text
    assert ">random</text>" not in svg
    # 40 of 334 seconds; 4 of them are too few for a label.
    assert ">12%</text>" in svg
    assert ">1%</text>" not in svg
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_a_policy_of_two_networks_costs_both(benchmark, tmp_path):
    networks = {
        str(tmp_path / name): benchmark(name, seconds) for name, seconds in (("a", 3), ("b", 4))
    }
    draw_costs([ArmFiles(arm="both", networks=networks)], tmp_path, "costs")
    assert rows_of(tmp_path)["both", "policy network"] == 7


def test_a_job_that_was_repeated_costs_each_time(benchmark, tmp_path):
    networks = {str(tmp_path / "a"): benchmark("a", 3, 4)}
    draw_costs([ArmFiles(arm="a", networks=networks)], tmp_path, "costs")
    assert rows_of(tmp_path)["a", "policy network"] == 7


def test_without_a_learned_policy_there_is_nothing_to_draw(arms, tmp_path):
    with pytest.raises(InputError, match="learned policy"):
        draw_costs(arms[:1], tmp_path, "costs")


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
