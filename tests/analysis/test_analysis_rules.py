"""What the workflow plans beside the tables: dry runs of changed studies."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from support.configurations import ROOT, configuration

CURVES = "learning-efficiency.svg"


@pytest.fixture
def plan(tmp_path):
    """The listing of a dry run of a study with the commands of its jobs, in an empty folder."""

    def plan(study: dict, *arguments: str) -> str:
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--configfile", tmp_path / "study.yaml", "--directory", tmp_path]
        command += ["--dry-run", "--printshellcmds", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return plan


def test_an_analysis_of_an_arm_waits_for_its_checkpoint(plan):
    study = configuration("variance")
    study["intermediate"] = {
        "continued": {key: value for key, value in study["general"].items() if key != "policy"}
    }
    study["variance"] = {
        "arm": study["variance"]["before-training"]
        | {"start": {"stage": "continued", "policy": "rand@control"}}
    }
    listing = plan(study)
    folder = "results/study/models/roberta-mini/continued/rand@control/seed-0"
    assert f"measure-gradient-variance --checkpoint {folder} " in listing
    assert re.search(r"^pretrain_intermediate +1$", listing, re.MULTILINE)
    assert "Pre-train roberta-mini (continued) with rand@control" in listing


def test_tables_that_start_from_several_checkpoints_have_a_joint_figure(plan):
    listing = plan(
        configuration("selective"),
        "results/study/analysis/bert-base+yelp+mr/learning-efficiency.svg",
    )
    (of_mr,) = (line for line in listing.splitlines() if "maskpolicy draw-general-stops" in line)
    tables = json.loads(re.search(r"--tables '(.*?)'", of_mr).group(1))
    assert [table["general_steps"] for table in tables] == [100000, 200000, 300000, 1000000]
    assert tables[1] == {
        "general_steps": 200000,
        "curves": "results/study/analysis/mr-yelp-200k/learning-efficiency.csv",
        "costs": "results/study/analysis/mr-yelp-200k/costs.csv",
        "arms": {
            "random": "random",
            "selective-mr-200k": "selective-mr",
            "selective-mr-200k@control": "selective-mr@control",
        },
    }


def test_scores_on_the_way_are_drawn_from_where_the_stage_starts(plan):
    listing = plan(
        configuration("selective"), "results/study/analysis/mr-yelp-300k/learning-efficiency.svg"
    )
    (command,) = (line for line in listing.splitlines() if "draw-learning-efficiency" in line)
    costs = "results/study/analysis/mr-yelp-300k/costs.csv"
    assert f"--costs {costs} --start 300000 --steps 200000" in command
    assert "results/study/tables/mr-yelp-300k.files.json" in command


def test_stages_without_general_pretraining_start_at_zero(plan):
    folder = "results/study/analysis/computer-science"
    listing = plan(configuration("fully-explored"), f"{folder}/learning-efficiency.svg")
    assert "--start 0 --steps 40000" in listing


def test_masks_are_analysed_before_anything_is_trained(plan):
    """From masks and annotations alone, which are made even where no policy reads them."""
    study = configuration()
    study["tables"]["closed-book-qa"] |= {"arms": ["none", "rand"], "mask_analysis": {"share": 0.5}}
    folder = "results/study/analysis/closed-book-qa"
    listing = plan(study, f"{folder}/masked-entities.svg")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", listing, re.MULTILINE))
    assert (jobs["annotate_shard"], jobs["mask_corpus"], jobs["analyse_masks"]) == ("2", "1", "1")
    assert not {"pretrain_intermediate", "match_corpus", "finetune"} & set(jobs)
    (command,) = (line for line in listing.splitlines() if "maskpolicy analyse-masks" in line)
    corpus = "results/study/corpora/factbook/bpe-4k"
    assert (
        f"--masks=results/study/masks/factbook/bpe-4k/rand --annotations {corpus}/annota" in command
    )
    assert "--tokenizer results/study/tokenizers/bpe-4k " in command
    assert json.loads(re.search(r"--analysis '(.*?)'", command).group(1))["share"] == 0.5
    assert "--epochs 32 --seed 0 --corpus factbook --policies " in command
    policies = json.loads(re.search(r"--policies '(.*?)'", command).group(1))
    assert {arm: policy["kind"] for arm, policy in policies.items()} == {"rand": "rand"}
    assert "--title closed-book-qa " in command
    assert f"--folder {folder} {corpus} 2>&1" in command
