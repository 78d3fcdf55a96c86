"""The smallest difference that a table could find, and what is known of the spread."""

import csv

import pytest
from support.configurations import configuration

from maskpolicy.forecast.designs import USUAL_SPREAD, designs_of
from maskpolicy.study.loading import Study
from maskpolicy.study.plan import Plan


def designs(config, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return designs_of(Plan(Study.load(config)))


def write_runs(folder, scores):
    """Scores by row, one of each fine-tuning seed, as `collect_runs` writes them."""
    path = folder / "results/config/tables/closed-book-qa.runs.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        names = ["block", "row", "task", "metric", "pretraining_seed", "seed", "score"]
        writer = csv.writer(file)
        writer.writerow(names)
        for row, of_row in scores.items():
            for seed, score in enumerate(of_row):
                writer.writerow([0, row, "factbook-qa", "exact_match", 0, seed, score])


def test_pairs_are_all_runs_of_an_arm(monkeypatch, tmp_path):
    study = configuration()
    study["seeds"] |= {"pretraining": [0, 1, 2], "finetuning": [0, 1, 2]}
    (design,) = designs(study, monkeypatch, tmp_path)
    assert (design.runs, design.spread, design.spread_from) == (9, USUAL_SPREAD, "assumed")
    assert design.effect == pytest.approx(1.06697, rel=1e-4)
    assert design.points == design.effect * USUAL_SPREAD


def test_one_run_finds_nothing(monkeypatch, tmp_path):
    study = configuration()
    study["seeds"]["finetuning"] = [0]
    (design,) = designs(study, monkeypatch, tmp_path)
    assert design.effect is None and design.points is None


def test_results_say_how_differences_spread(monkeypatch, tmp_path):
    """Of three rows three differences: by 0 and 2 points, by 0 and 4, and by 0 and 2."""
    write_runs(tmp_path, {"none": [0.10, 0.10], "rand": [0.10, 0.12], "ssm": [0.10, 0.14]})
    (design,) = designs(configuration(), monkeypatch, tmp_path)
    assert design.spread_from == "observed"
    assert design.spread == pytest.approx(2 / 2**0.5)


def test_a_table_of_one_run_says_nothing_of_it(monkeypatch, tmp_path):
    write_runs(tmp_path, {"none": [0.10], "rand": [0.12]})
    (design,) = designs(configuration(), monkeypatch, tmp_path)
    assert design.spread_from == "assumed"


def test_a_paper_says_how_its_runs_spread(monkeypatch, tmp_path):
    study = configuration()
    study["tables"]["closed-book-qa"]["paper"] = {
        "none": {"factbook-qa": {"exact_match": [20.0, 0.3]}},
        "rand": {"factbook-qa": {"exact_match": [21.0, None]}},
        "ssm": {"factbook-qa": {"exact_match": [22.0, 0.5]}},
    }
    (design,) = designs(study, monkeypatch, tmp_path)
    assert design.spread_from == "in print"
    assert design.spread == pytest.approx(0.4 * 2**0.5)
