"""The studies at the papers' scale: planned without their data, refused to run without it, and with
the figures and settings in print. What the papers leave open is pinned here with the rest.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.search import Setting
from maskpolicy.learning.selective.specs import PRESETS
from maskpolicy.sources.base import SPLITS, ClassificationExample
from maskpolicy.specs import Spec
from maskpolicy.study.loading import Study
from maskpolicy.tasks.classification import split_by_text

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "workflow" / "studies"
BERTS_OBJECTIVE = Objective(source="token", target="in-place", random=0.1, keep=0.1)


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
                "draw_general_stops": 3 * 2,
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
                "draw_costs": 1,
                "measure_gradient_variance": 2 * 2,  # before and after, with 127 and 63 tokens
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
    ("name", "table", "needed"),
    [
        (
            "selective",
            "mr-yelp-1m",
            ["corpora.wikipedia-bookcorpus.documents.", "corpora.yelp.documents.", "tasks.mr."],
        ),
        (
            "fully-explored",
            "number-of-masks",
            ["corpora.cs.documents.", "tasks.acl-arc.", "tasks.scierc."],
        ),
    ],
)
def test_a_run_without_the_data_it_reads_is_refused(name, table, needed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = load(name).missing_files()
    done = snakemake(name, tmp_path, "--cores", "1", "--", f"results/{name}/tables/{table}.md")
    assert done.returncode != 0
    problems = [line for line in missing if line.startswith(tuple(needed))]
    assert needed == [key for key in needed if any(line.startswith(key) for line in problems)]
    message = "files of the configuration are missing\n" + "\n".join(problems)
    assert message in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_a_selector_starts_where_its_stage_starts_and_learns_the_task_of_its_table():
    study = load("selective")
    selective = 0
    for table in study.tables.values():
        start = study.start_of(study.intermediate[table.intermediate])
        for policy in {arm.removesuffix("@control") for arm in table.arms} & set(study.policies):
            for network in study.policies[policy].decide.networks:
                assert (study.networks[network].task,) == table.tasks
                assert study.networks[network].start == start
                selective += 1
    assert selective == len(study.tables) == 24


# Gu et al. 2020, tables 1 and 5: accuracies without TaskPT, and after random and selective TaskPT.
ACCURACIES = {
    ("mr", "yelp"): (87.37, 87.20, 88.15),
    ("mr", "amazon"): (87.37, 88.35, 89.51),
    ("restaurant", "yelp"): (88.60, 90.70, 91.87),
    ("restaurant", "amazon"): (88.60, 90.40, 91.56),
    ("laptop", "yelp"): (72.57, 73.73, 75.26),
    ("laptop", "amazon"): (72.57, 73.22, 74.15),
}

# Zheng et al. 2020, table 1: means and deviations on ACL-ARC, SciERC, HyperPartisan and AGNews.
CONTINUAL = {
    "none": ((63.0, 5.8), (77.3, 1.9), (86.6, 0.9), (93.9, 0.2)),
    "dapt": ((75.4, 2.5), (80.8, 1.5), (88.2, 5.9), (93.9, 0.2)),
    "mlm-subword": ((75.34, 2.54), (81.51, 1.05), (91.00, 2.66), (94.05, 0.16)),
    "fe-subword": ((76.24, 1.86), (82.40, 0.86), (92.35, 3.49), (94.02, 0.09)),
    "mlm-span": ((76.63, 1.65), (81.33, 1.16), (91.72, 3.26), (93.94, 0.05)),
    "fe-span": ((78.06, 2.31), (81.99, 0.79), (93.22, 3.31), (94.13, 0.04)),
}

# Zheng et al. 2020, table 2.
GLUE = {
    # MNLI-m, MNLI-mm, SST-2, QNLI, QQP, RTE, MRPC, CoLA, STS-B
    "mlm-subword": (84.37, 84.85, 92.78, 91.01, 91.09, 63.54, 87.01, 59.65, 87.89),
    "fe-subword": (85.09, 84.63, 93.23, 91.01, 91.16, 68.59, 87.99, 61.32, 89.51),
}
GLUE_METRICS = {
    **dict.fromkeys(["mnli-matched", "mnli-mismatched", "sst-2", "qnli", "qqp"], "accuracy"),
    **{"rte": "accuracy", "mrpc": "accuracy", "cola": "mcc", "sts-b": "pearson"},
}


def test_the_figures_of_paper_c_are_those_in_print():
    tables = load("selective").tables
    shown = {name: table.paper for name, table in tables.items() if table.paper}
    expected = {}
    for (task, corpus), accuracies in ACCURACIES.items():
        column = task if task == "mr" else f"semeval14-{task}"
        arms = ("none", "random", f"selective-{task}-1m")
        expected[f"{task}-{corpus}-1m"] = {
            arm: {column: {"accuracy": (accuracy, None)}}
            for arm, accuracy in zip(arms, accuracies, strict=True)
        }
    assert shown == expected
    starred = {name: table.stars for name, table in tables.items() if table.stars}
    with_stars = [name for name in expected if not name.startswith("laptop")]
    assert starred == dict.fromkeys(with_stars, "random"), "table 1 has stars, table 5 has none"


def test_the_figures_of_paper_b_are_those_in_print():
    tables = load("fully-explored").tables
    for name, tasks, columns in (
        ("computer-science", ("acl-arc", "scierc"), slice(0, 2)),
        ("news", ("hyperpartisan", "agnews"), slice(2, 4)),
    ):
        assert tables[name].paper == {
            arm: {
                task: {"macro_f1": figure}
                for task, figure in zip(tasks, figures[columns], strict=True)
            }
            for arm, figures in CONTINUAL.items()
        }
    columns = {
        arm: {
            task: {metric: (figure, None)}
            for (task, metric), figure in zip(GLUE_METRICS.items(), figures, strict=True)
        }
        for arm, figures in GLUE.items()
    }
    averages = {"devlin": 82.2, "map-net": 82.1, "mlm-subword": 82.5, "fe-subword": 83.6}
    assert tables["glue"].average
    assert tables["glue"].paper == {
        arm: {"average": (average, None)} | columns.get(arm, {})
        for arm, average in averages.items()
    }
    for arm, figures in GLUE.items():  # over the nine columns, as `average` has it
        assert round(sum(figures) / len(figures), 1) == averages[arm]
    assert tables["number-of-masks"].paper == {}


def settings(record: Spec, *names: str) -> dict:
    return record.model_dump(include=set(names))


def test_the_settings_of_paper_c_are_those_in_print():
    study = load("selective")
    assert study.seeds.finetuning == (13, 43, 83, 181, 271, 347, 433, 659, 727, 859)
    assert study.seeds.policies == 42
    assert {corpus.sequence_length + 2 for corpus in study.corpora.values()} == {256}
    base = {"hidden_size": 768, "layers": 12, "attention_heads": 12, "ffn_dim": 3072}
    base |= {"family": "bert", "dropout": 0.1, "init_std": 0.02, "max_positions": 512}
    assert study.models["bert-base"].architecture.model_dump() == base
    masks = {"policy": "random", "corpus": "wikipedia-bookcorpus", "mask_epochs": 10}
    as_bert = {
        "batch_size": 256,
        "learning_rate": 1e-4,
        "weight_decay": 0.01,
        "decayed": "matrices",
        "betas": (0.9, 0.999),
    }
    general = {"steps": 1_000_000, "stops": (100_000, 200_000, 300_000), "warmup": 0.01}
    expected = {**masks, **as_bert, **general}
    assert settings(study.general, *expected) == expected
    starts = {"100k": 100_000, "200k": 200_000, "300k": 300_000, "1m": "general"}
    task_pt = {"steps": 200_000, "stops": (50_000, 100_000, 150_000), "warmup": 0.05}
    for name, stage in study.intermediate.items():
        corpus, _, steps = name.partition("-")
        expected = {"corpus": corpus, "start": starts[steps], **as_bert, **task_pt}
        assert settings(stage, *expected) == expected
    assert len(study.intermediate) == 8
    shared = {"epochs": 10, "batch_size": 64, "warmup": 0.1, "weight_decay": 0.01}
    shared |= {"decayed": "matrices"}
    classifier = {"learning_rate": 2e-5, "max_length": 256, **shared}
    for name, learned in study.networks.items():
        task, _, steps = name.partition("-")
        assert learned.start == starts[steps]
        assert learned.task == (task if task == "mr" else f"semeval14-{task}")
        assert learned.preset == "paper"
        assert learned.classifier.model_dump() == classifier
        assert learned.selector.model_dump() == classifier | {
            "learning_rate": 1e-5,
            "max_length": 128,
        }
    assert (PRESETS["paper"].threshold, PRESETS["paper"].class_weight) == (0.05, 1.5)
    assert study.finetuning["default"].learning_rates == (2e-5,)
    finetuning = study.finetuning["default"].of("encoder").at(Setting(2e-5), 8534)
    assert finetuning == learned.classifier.on(8534)
    decide = {policy.decide.kind: policy.decide for policy in study.policies.values()}
    assert (decide["rand"].rate, decide["selective"].unit) == (0.15, "token")
    assert {policy.objective for policy in study.policies.values()} == {BERTS_OBJECTIVE}


def test_the_splits_of_paper_c_have_the_sizes_in_print():
    tasks = load("selective").tasks
    texts = [ClassificationExample(f"{i}", f"text {i}", None, "") for i in range(10_662)]
    mr = split_by_text(texts, tasks["mr"].dev, tasks["mr"].test, tasks["mr"].split_seed)
    assert [len(mr[split]) for split in SPLITS] == [8534, 1078, 1050]
    # Of restaurants, whose texts have several aspects, only what is asked for.
    assert round(3518 * tasks["semeval14-restaurant"].dev) == 185


def test_the_settings_of_paper_b_are_those_in_print():
    study = load("fully-explored")
    assert {corpus.sequence_length + 2 for corpus in study.corpora.values()} == {512}
    continual = {"batch_size": 48, "learning_rate": 1e-4, "weight_decay": 0.01, "warmup": 0.06}
    continual |= {"start": "initial", "betas": (0.9, 0.98), "decayed": "matrices"}
    stops = (5_000, 10_000, 15_000, 20_000, 30_000)
    wiki = {"corpus": "wikipedia-bookcorpus", "batch_size": 256, "warmup": 0.01}
    wiki |= {"betas": (0.9, 0.999), "steps": 1_000_000, "stops": ()}
    for name, stated in {
        "cs": {"corpus": "cs", "steps": 40_000, "stops": stops, "mask_epochs": 4},
        "cs-sweep": {"corpus": "cs", "steps": 40_000, "stops": (), "mask_epochs": 24},
        "news": {"corpus": "news", "steps": 20_000, "stops": (), "mask_epochs": 4},
        "from-scratch": {**wiki, "mask_epochs": 32},
    }.items():
        expected = continual | stated
        assert settings(study.intermediate[name], *expected) == expected
    assert len(study.intermediate) == 4 and study.general is None
    assert study.models["roberta-base"].pretrained == "FacebookAI/roberta-base"
    assert study.finetuning["default"].model_dump(exclude_unset=True) == {
        "learning_rates": (2e-5, 3e-5, 5e-5),
        "batch_size": 16,
        "epochs": 10,
        "max_length": 512,
        "warmup": 0.06,
        "weight_decay": 0.1,
        "decayed": "matrices",
    }
    assert study.seeds.finetuning == (0, 1, 2, 3, 4)


def test_the_masks_of_paper_b_are_those_in_print():
    study = load("fully-explored")
    masks = {}
    for name, policy in study.policies.items():
        decide = policy.decide
        number = getattr(decide, "masks", 1)
        masks[name] = (decide.kind, decide.unit, decide.rate, number, policy.copies)
    assert masks == {
        "mlm-subword": ("rand", "token", 0.15, 1, 1),
        "mlm-subword-4": ("rand", "token", 0.15, 1, 4),
        "fe-subword": ("fully-explored", "token", 0.15, 4, 4),
        "mlm-span": ("span", "word", 0.15, 1, 1),
        "mlm-span-4": ("span", "word", 0.15, 1, 4),
        "fe-span": ("fully-explored", "span", 0.15, 4, 4),
        **{f"fe-{k}": ("fully-explored", "token", 0.125, k, k) for k in (2, 4, 6, 8)},
    }
    assert {policy.objective for policy in study.policies.values()} == {BERTS_OBJECTIVE}
    lengths = {name: (v.length + 2, v.masked, v.masks) for name, v in study.variance.items()}
    assert lengths == {
        "before-cs": (512, 127, (2, 4)),
        "after-cs": (512, 127, (2, 4)),
        "before-cs-eighth": (512, 63, (2, 4, 6, 8)),
        "after-cs-eighth": (512, 63, (2, 4, 6, 8)),
    }


def test_an_arm_of_another_stage_may_be_run_by_hand(tmp_path):
    """`fe-2` is in a table of `cs` only; its masks of the news are as many as `news` reads."""
    study = load("fully-explored")
    assert study.intermediate["news"].mask_epochs == 4
    target = "results/fully-explored/models/roberta-base/news/fe-2/seed-0/manifest.json"
    done = snakemake("fully-explored", tmp_path, "--dry-run", "-p", "--quiet=host", "--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = re.findall(
        r"maskpolicy mask-corpus .*--policy fe-2 .*--epochs (\d+)", done.stdout + done.stderr
    )
    assert commands == ["4"]
