"""The studies at the papers' scale: planned whole without their data, refused to run without it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from maskpolicy.config import Study
from maskpolicy.policies.registry import networks_needed

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "workflow" / "studies"


def load(name: str) -> Study:
    return Study.load(yaml.safe_load((STUDIES / f"{name}.yaml").read_text()))


def snakemake(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    command += ["--quiet=rules", "--configfile", STUDIES / f"{name}.yaml", "--directory", folder]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "selective",
            {
                "pretrain_general": 1,
                "train_policy": 3 * 4,  # tasks, stops
                "pretrain_intermediate": 2 * 4 * (1 + 3 * 2),  # corpora, stops, random, selective
                "render_table": 3 * 2 * 4,
                "draw_learning_efficiency": 3 * 2 * 4,
                "draw_costs": 3 * 2 * 4,
            },
        ),
        (
            "fully-explored",
            {
                "pretrain_general": 0,
                "pretrain_intermediate": 2 * 6 + 4 + 2,  # two fields, the sweep, from scratch
                "render_table": 4,
                "draw_learning_efficiency": 1,
                "draw_mask_sweep": 1,
                "measure_gradient_variance": 3,
            },
        ),
    ],
)
def test_a_study_is_planned_without_its_data(name, wanted, tmp_path):
    done = snakemake(name, tmp_path, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert {rule: int(jobs.get(rule, 0)) for rule in wanted} == wanted
    assert "data/wikipedia-bookcorpus.jsonl" in done.stderr


@pytest.mark.parametrize(
    ("name", "table"), [("selective", "mr-yelp-1m"), ("fully-explored", "number-of-masks")]
)
def test_a_run_without_its_data_is_refused(name, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = load(name).missing_files()
    done = snakemake(name, tmp_path, "--cores", "1", "--", f"results/tables/{table}.md")
    assert done.returncode != 0
    assert len(missing) > 5
    message = "the configuration is wrong\n" + "\n".join(missing)
    assert message in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_a_selector_starts_where_its_stage_starts_and_learns_the_task_of_its_table():
    study = load("selective")
    selective = 0
    for table in study.tables.values():
        start = study.start_of(study.intermediate[table.intermediate])
        for policy in {arm.removesuffix("@control") for arm in table.arms} & set(study.policies):
            for network in networks_needed(study.policies[policy].decide):
                assert (study.learned[network].task,) == table.tasks
                assert study.learned[network].start == start
                selective += 1
    assert selective == len(study.tables) == 24


def test_every_published_figure_of_the_tables_is_there():
    for name, figures in (("selective", 3 * 2 * 3), ("fully-explored", 2 * 2 * 5 + 2 * 9)):
        tables = load(name).tables.values()
        assert sum(len(tasks) for t in tables for tasks in t.paper.values()) == figures
