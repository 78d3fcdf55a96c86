"""Every training behind a table is there, with the command that makes it again."""

import shlex

import pytest
from support.site_parts import read_part
from support.site_study import ARMS, right, stage_of

from maskpolicy.json_files import JsonObject
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


def test_what_a_network_learned_stands_on_its_page_alone(trainings):
    network = trainings["networks/supervised-qa"]
    assert not network["facts"] and not network["settings"]
    assert [page for _, page in network["links"]] == ["network-supervised-qa.html"]
    assert "train_policy" in network["command"]


def test_curves_keep_zeros_and_leave_out_what_can_not_be_drawn():
    losses = (2.0, float("nan"), 0.0)
    lines = [JsonObject("log", i, {"step": i, "loss": x}) for i, x in enumerate(losses, 1)]
    assert _curves(lines, ["loss", "dev"]) == {"loss": [(1.0, 2.0), (3.0, 0.0)]}
