"""The page of a network says how it was learned, and which arms decide with it."""

import json
import shutil

import pytest
from support.site_study import LEARNED, NETWORK

from maskpolicy.artefacts import write_json
from maskpolicy.site.build import build_site
from maskpolicy.site.networks import network_pages
from maskpolicy.site.results import StudyResults
from maskpolicy.study.loading import CONFIGURATION


@pytest.fixture
def folder(results, tmp_path):
    return shutil.copytree(results, tmp_path / "study", ignore=shutil.ignore_patterns("site"))


def page_of(folder, network=NETWORK):
    build_site(folder, folder / "site")
    return (folder / "site" / f"network-{network}.html").read_text(encoding="utf-8")


def read(folder, manifest):
    write_json(folder / "networks" / NETWORK / "manifest.json", manifest)
    (network,) = network_pages(StudyResults.read(folder), [])
    return network


def test_what_it_learned_from_is_a_table_of_its_splits(results):
    (network,) = network_pages(StudyResults.read(results), [])
    assert network.splits == ["train"] and network.kept == "the best epoch, 1"
    assert network.counts == [("examples", ["1,933"]), ("found", ["1,929"])]
    facts = dict(network.facts)
    assert facts["best epoch"] == "1" and not {"train", "losses", "trained in"} & facts.keys()


def test_a_record_in_a_record_is_told_too(folder):
    counts = {"train": {"texts": 5118, "cut": 4}, "dev": {"texts": 853}}
    selector = {"best_epoch": 2, "losses": [0.5]}
    network = read(folder, {"important": counts, "selector": selector, "frozen": True})
    assert network.splits == ["train", "dev"]
    assert network.counts == [("texts", ["5,118", "853"]), ("cut", ["4", "–"])]
    assert network.kept == "the selector's best epoch, 2"
    facts = dict(network.facts)
    assert facts["selector, best epoch"] == "2" and facts["frozen"] == "yes"


def test_nothing_is_said_of_a_manifest_that_says_nothing(folder):
    network = read(folder, {"files": {}})
    assert (network.splits, network.counts, network.kept) == ([], [], "")


def test_what_it_cost_is_said_where_that_was_measured(folder):
    measured = folder / "benchmarks" / "train_policy" / f"{NETWORK}.tsv"
    measured.parent.mkdir(parents=True)
    measured.write_text("s\th:m:s\n32.63\t0:00:32\n")
    (network,) = network_pages(StudyResults.read(folder), [])
    assert dict(network.facts)["trained in"] == "33 seconds"


def test_the_dashed_line_of_its_figure_is_told(site):
    page = (site / f"network-{NETWORK}.html").read_text(encoding="utf-8")
    assert "Dashed line: the best epoch, 1, which was kept." in page
    assert "are not there" not in page and "None of this study" not in page


def test_a_network_that_no_arm_decides_with_says_so(folder):
    config = json.loads((folder / CONFIGURATION).read_text())
    config["networks"]["idle"] = config["networks"][NETWORK]
    write_json(folder / CONFIGURATION, config)
    shutil.copytree(folder / "networks" / NETWORK, folder / "networks" / "idle")
    page = page_of(folder, "idle")
    assert "None of this study." in page and "viewer of all arms" not in page


@pytest.mark.parametrize("lost", [[LEARNED], [LEARNED, f"{LEARNED}@control"]])
def test_arms_whose_masks_are_gone_are_named(folder, lost):
    for arm in lost:
        shutil.rmtree(folder / "masks" / "factbook" / "bpe-4k" / arm)
    page = page_of(folder)
    assert f"The masks of {', '.join(lost)} are not there, or not all of them." in page
    assert ('<table class="sortable fine">' in page) == (len(lost) == 1)
