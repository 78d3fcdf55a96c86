"""Every training behind a table is there, with the command that makes it again."""

import shlex
import shutil

import pytest
from support.site_parts import read_part
from support.site_study import ARMS, right, stage_of

from maskpolicy.site.networks import network_pages
from maskpolicy.site.results import StudyResults
from maskpolicy.site.runs import _curves


@pytest.fixture(scope="module")
def trainings(site):
    return {each["id"]: each for each in read_part(site, "runs")}


def test_all_are_there(trainings):
    runs = [each for each in trainings if each.startswith("runs/")]
    assert len(runs) == 3 * len(ARMS)
    models = [each for each in trainings if each.startswith("models/")]
    assert models == [f"models/bart-mini/{stage_of(arm)}/{arm}/seed-0" for arm in ARMS[1:]]


def test_a_run_says_what_it_scored_and_how_to_make_it_again(trainings):
    name = "runs/bart-mini/factbook/ssm/factbook-qa/pretraining-0/seed-1"
    run = trainings[name]
    assert dict(run["facts"])["exact_match (test)"] == f"{100 * right('ssm', 1) / 8:.2f}"
    assert shlex.split(run["command"]) == [
        *("snakemake", "--cores", "all", f"results/study/{name}/metrics.json"),
        *("--forcerun", "finetune", "--configfile", "study.yaml"),
    ]
    assert run["curves"]["loss"][0] == [10, 0.5] and run["curves"]["loss"][-1][0] == 400
    assert '"learning_rates"' in run["settings"]


def test_a_checkpoint_names_its_policy(trainings):
    control = trainings["models/bart-mini/factbook/ssm@control/seed-0"]
    assert dict(control["facts"])["policy"] == "ssm@control"
    assert '"kind": "ssm"' in control["settings"]
    assert "pretrain_intermediate" in control["command"]


def test_a_checkpoint_without_a_log_is_there_without_curves(trainings):
    assert trainings["models/bart-mini/factbook/rand/seed-0"]["curves"] == {}
    assert trainings["models/bart-mini/factbook/ssm/seed-0"]["curves"]


def test_links_lead_to_trainings_that_are_there(trainings):
    """The run of `none` starts from the general stage, which is not there."""
    links = {
        each["title"]: [to for _, to in each["links"]]
        for each in trainings.values()
        if each["id"].endswith("factbook-qa/pretraining-0/seed-1")
    }
    assert links["none, seeds 0 / 1"] == []
    assert links["ssm, seeds 0 / 1"] == ["#models/bart-mini/factbook/ssm/seed-0"]


def test_a_network_says_what_it_was_trained_on(trainings):
    network = trainings["networks/supervised-qa"]
    facts = dict(network["facts"])
    assert facts["train"] == "examples 1,933, found 1,929" and facts["best epoch"] == "1"
    assert "losses" not in facts and "trained in" not in facts
    assert network["links"] == [["what it learned and what it masks", "network-supervised-qa.html"]]
    assert network["figure"] == "figures/networks/supervised-qa.svg"


def test_a_network_says_what_it_cost_where_that_was_measured(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "study")
    measured = folder / "benchmarks" / "train_policy" / "supervised-qa.tsv"
    measured.parent.mkdir(parents=True)
    measured.write_text("s\th:m:s\n32.63\t0:00:32\n")
    (network,) = network_pages(StudyResults.read(folder), [])
    assert dict(network.facts)["trained in"] == "33 seconds"


def test_curves_keep_zeros_and_leave_out_what_can_not_be_drawn():
    lines = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}, {"step": 3, "loss": 0.0}]
    assert _curves(lines, ["loss", "dev"]) == {"loss": [(1.0, 2.0), (3.0, 0.0)]}
