"""The encoder track end to end, tiny: kept checkpoints, K copies a step, a selector, figures."""

import csv
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
from support.study_folder import StudyFolder, rules_of, write_jsonl

ARMS = ["none", "random", "explored-2", "explored-4", "selective", "selective@control"]
PRAISE, BLAME = ["superb", "funny", "touching", "fresh"], ["awful", "dull", "silly", "stale"]
PLAIN = ["the", "film", "is", "a", "plot", "cast", "with", "scene", "story", "and", "of", "it"]
RUNS = "results/study/runs/tiny/reviews"
FIGURES = ("svg", "png", "csv")
TRAINING = {"pretrain_intermediate", "search_finetuning", "finetune", "score_runs"}
FIGURES_OF_TABLE = {
    "list_files",
    "collect_runs",
    "test_significance",
    "render_table",
    "measure_held_out",
    "collect_held_out",
    "draw_learning_efficiency",
    "draw_costs",
    "draw_mask_sweep",
    "build_site",
}


def encoder_study() -> dict:
    """A small BERT that reads invented reviews and learns to tell praise from blame."""
    masked_lm = {"source": "token", "target": "in-place", "random": 0.1, "keep": 0.1}
    stage = {"corpus": "reviews", "mask_epochs": 4, "steps": 4, "stops": [2], "batch_size": 4}
    training = {"learning_rate": 0.01, "batch_size": 16, "epochs": 1, "max_length": 16}
    return {
        "seeds": {"masking": 0, "policies": 0, "pretraining": [0], "finetuning": [0, 1]},
        "corpora": {
            "reviews": {
                "documents": {"source": "own-documents", "path": "texts.jsonl"},
                "sequence_length": 12,
            },
            "unread": {
                "documents": {"source": "own-documents", "path": "unread.jsonl"},
                "sequence_length": 12,
                "shards": 2,
            },
        },
        "tokenizers": {"bpe": {"train_on": ["reviews"], "vocabulary_size": 320}},
        "models": {
            "tiny": {
                "family": "encoder",
                "tokenizer": "bpe",
                "architecture": {
                    "hidden_size": 16,
                    "layers": 1,
                    "attention_heads": 2,
                    "ffn_dim": 32,
                    "dropout": 0.0,
                    "max_positions": 16,
                },
            }
        },
        "networks": {
            "selector": {
                "method": "selective",
                "model": "tiny",
                "task": "sentiment",
                "classifier": training,
                "selector": training,
            }
        },
        "policies": {
            "random": {"decide": {"kind": "rand", "rate": 0.25}, "objective": masked_lm},
            **{
                f"explored-{k}": {
                    "decide": {"kind": "fully-explored", "rate": 0.25, "masks": k},
                    "objective": masked_lm,
                    "copies": k,
                }
                for k in (2, 4)
            },
            "selective": {
                "decide": {"kind": "selective", "network": "selector"},
                "objective": masked_lm,
            },
        },
        "general": stage | {"policy": "random", "learning_rate": 0.001},
        "intermediate": {"reviews": stage | {"learning_rate": 0.001, "held_out": "unread"}},
        "tasks": {
            "sentiment": {
                "examples": {"source": "own-labels", "train": "labels.jsonl"},
                "dev": 0.2,
                "test": 0.3,
            }
        },
        "finetuning": {
            "default": {"learning_rates": [0.01], "batch_size": 16, "epochs": 1, "max_length": 16}
        },
        "tables": {"sentiment": {"model": "tiny", "tasks": ["sentiment"], "arms": ARMS}},
        "variance": {
            "gradients": {
                "model": "tiny",
                "start": 2,
                "corpus": "reviews",
                "rows": 2,
                "length": 8,
                "masked": 2,
                "masks": [2, 4],
                "distances": 3,
                "pairs": 2,
                "groups": 2,
                "reference": 4,
            }
        },
    }


def write_sources(folder: Path) -> None:
    """Write texts, and labelled ones in which one word decides the label."""
    draw = random.Random(0)

    def review(telling: list[str]) -> str:
        words = draw.choices(PLAIN, k=8)
        words.insert(draw.randrange(9), draw.choice(telling))
        return " ".join(words)

    write_jsonl(folder / "texts.jsonl", [{"text": review(PRAISE + BLAME)} for _ in range(60)])
    write_jsonl(folder / "unread.jsonl", [{"text": review(PRAISE + BLAME)} for _ in range(20)])
    labels = {"positive": PRAISE, "negative": BLAME}
    rows = [{"text": review(labels[label]), "label": label} for label in [*labels] * 40]
    write_jsonl(folder / "labels.jsonl", rows)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> StudyFolder:
    """The study, run to its tables and figures."""
    folder = tmp_path_factory.mktemp("encoder")
    write_sources(folder)
    return StudyFolder(folder, encoder_study()).finish()


@contextmanager
def changed(finished: StudyFolder, *keys: str, **values: object) -> Iterator[str]:
    """Change values of the record that the keys lead to; yields what a dry run lists then."""
    before = deepcopy(finished.study)
    record = finished.study
    for key in keys:
        record = record[key]
    record.update(values)
    try:
        done = finished.snakemake("--dry-run", "--printshellcmds")
        assert done.returncode == 0, done.stdout + done.stderr
        yield done.stdout
    finally:
        finished.study = before


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_every_arm_and_nothing_is_left_to_do(finished):
    rows = read_rows(finished.results / "tables/sentiment.csv")
    assert list(dict.fromkeys(row["arm"] for row in rows)) == [*ARMS, "(majority)"]
    assert finished.planned() == set()


def test_kept_checkpoints_are_fine_tuned_with_every_seed(finished):
    for arm in ARMS:
        folder = finished.folder / RUNS / arm / "sentiment" / "pretraining-0"
        runs = {str(path.parent.relative_to(folder)) for path in folder.rglob("metrics.json")}
        kept = set() if arm == "none" else {"step-2/seed-0", "step-2/seed-1"}
        assert runs == {"seed-0", "seed-1"} | kept
        for run in runs:
            record = json.loads((folder / run / "metrics.json").read_text())
            assert record["step"] == (2 if run in kept else None)
            assert record["examples"] == 24


def test_stages_keep_what_their_checkpoints_were_on_the_way(finished):
    models = finished.results / "models/tiny"
    for folder in (models / "general", *(models / "reviews" / arm for arm in ARMS[1:])):
        last, kept = folder / "seed-0", folder / "seed-0" / "step-2"
        weights = [(f / "model.safetensors").read_bytes() for f in (last, kept)]
        assert len(weights[0]) == len(weights[1]) and weights[0] != weights[1]
        assert (kept / "config.json").read_text() == (last / "config.json").read_text()


def test_a_control_masks_as_many_tokens_as_the_selector(finished):
    policy, control = (
        json.loads((finished.results / f"masks/reviews/bpe/{arm}/shard-0.json").read_text())
        for arm in ("selective", "selective@control")
    )
    assert policy["masked_tokens"] == control["masked_tokens"] > 0


def test_scores_on_the_way_are_drawn_with_their_data(finished):
    folder = finished.results / "analysis/sentiment"
    assert all((folder / f"learning-efficiency.{suffix}").stat().st_size for suffix in FIGURES)
    rows = read_rows(folder / "learning-efficiency.csv")
    # The four steps of general pre-training come before those of the stage.
    assert {(row["arm"], row["total_steps"]) for row in rows} == {
        ("none", "4"),
        *((arm, step) for arm in ARMS[1:] for step in "468"),
    }
    saved = {(r["arm"], r["other"]) for r in read_rows(folder / "learning-efficiency-saved.csv")}
    assert saved == {(arm, other) for arm in ARMS[1:] for other in ARMS[1:] if arm != other}


def test_losses_of_all_checkpoints_are_measured_on_the_same_held_out_tokens(finished):
    rows = read_rows(finished.results / "analysis/sentiment/held-out-loss.csv")
    assert [(row["arm"], row["total_steps"]) for row in rows] == [
        ("none", "4"),
        *((arm, step) for arm in ARMS[1:] for step in "68"),
    ]
    assert len({row["tokens"] for row in rows}) == 1
    losses = {arm: {r["nats_per_token"] for r in rows if r["arm"] in (arm, "none")} for arm in ARMS}
    assert {arm: len(some) for arm, some in losses.items()} == dict.fromkeys(ARMS, 3) | {"none": 1}
    masks = finished.results / "masks/unread/bpe/held-out"
    manifests = [json.loads((masks / f"shard-{i}.json").read_text()) for i in (0, 1)]
    assert sum(m["masked_tokens"] for m in manifests) == int(rows[0]["tokens"])
    assert not list(finished.results.glob("masks/unread/bpe/[!h]*")), "no other masks of it"
    svg = (finished.results / "analysis/sentiment/learning-efficiency.svg").read_text()
    assert ">loss (nats per predicted token)</text>" in svg


def test_costs_are_measured_for_every_stage_of_every_policy(finished):
    folder = finished.results / "analysis/sentiment"
    assert all((folder / f"costs.{suffix}").stat().st_size for suffix in FIGURES)
    general = ["general pre-training"]
    always = ["masking of the corpus", "intermediate pre-training"]
    parts = ["classifier", "important tokens", "selector"]
    rows = read_rows(folder / "costs.csv")
    stages = {arm: [row["stage"] for row in rows if row["arm"] == arm] for arm in ARMS}
    assert stages == {
        "none": [],
        "random": general + always,
        "explored-2": general + always,
        "explored-4": general + always,
        "selective": general + parts + always,
        "selective@control": general + parts + always,
    }
    assert all(float(row["seconds"]) > 0 for row in rows if row["stage"] in general + always)


def test_the_sweep_over_k_is_drawn_with_its_data(finished):
    folder = finished.results / "analysis/sentiment"
    assert all((folder / f"mask-sweep.{suffix}").stat().st_size for suffix in FIGURES)
    rows = read_rows(folder / "mask-sweep.csv")
    assert {row["arm"]: row["masks"] for row in rows} == dict.fromkeys(ARMS, "") | {
        "explored-2": "2",
        "explored-4": "4",
    }
    table = read_rows(finished.results / "tables/sentiment.csv")
    means = {row["arm"]: float(row["sentiment Acc."]) for row in table if row["arm"] in ARMS}
    assert {row["arm"]: 100 * float(row["mean"]) for row in rows} == pytest.approx(means, abs=0.01)


def test_variance_is_measured_at_the_kept_checkpoint(finished):
    folder = finished.results / "analysis/gradients"
    for name in ("covariance-distribution", "covariance-by-distance", "variance-by-masks"):
        assert all((folder / f"{name}.{suffix}").stat().st_size for suffix in FIGURES)
    assert [row["masks"] for row in read_rows(folder / "variance-by-masks.csv")] == ["2", "4"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["analysis"]["start"] == 2
    assert all(line in finished.output for line in manifest["verdict"])
    with changed(finished, "variance", "gradients", start="general") as listing:
        assert "--checkpoint results/study/models/tiny/general/seed-0 " in listing
        assert rules_of(listing) == {"measure_gradient_variance", "build_site"}


def test_another_stop_reruns_its_stage_and_what_is_made_of_it(finished):
    with changed(finished, "intermediate", "reviews", stops=[3]) as listing:
        assert rules_of(listing) == TRAINING | FIGURES_OF_TABLE
        assert "pretraining-0/step-3/seed-1" in listing
        commands = [line for line in listing.splitlines() if "maskpolicy " in line]
        assert not [command for command in commands if "step-2" in command]
        for untouched in ("(general", "after none\n", "Make the initial"):
            assert untouched not in listing


def test_another_stop_of_the_general_stage_keeps_masks_that_do_not_depend_on_it(finished):
    with changed(finished, "general", stops=[2, 3]) as listing:
        assert "Pre-train tiny (general, seed 0)" in listing
        rules = {"train_policy", "measure_gradient_variance", "mask_shard", "match_corpus"}
        assert rules <= rules_of(listing)
        masked = {line for line in listing.splitlines() if "Mask shard" in line}
        matched = {line for line in listing.splitlines() if "Match the masks of" in line}
        assert len(masked) == len(matched) == 1
        assert all("selective" in line for line in masked | matched)


def test_another_k_reruns_one_arm(finished):
    decide = {"kind": "fully-explored", "rate": 0.25, "masks": 4}
    with changed(finished, "policies", "explored-2", decide=decide, copies=4) as listing:
        # With one K there is nothing to sweep over.
        drawn = FIGURES_OF_TABLE - {"draw_mask_sweep", "list_files"}
        assert rules_of(listing) == TRAINING | drawn | {"mask_corpus"}
        assert "with explored-2" in listing and "--copies 4" in listing
        for arm in ("random", "explored-4", "selective", "selective@control", "none"):
            assert not re.search(rf"(with|after) {arm}\b", listing), arm


def test_arms_start_where_the_stage_says(finished):
    with changed(finished, "intermediate", "reviews", start=2) as listing:
        starts = re.findall(r"maskpolicy pretrain .*--checkpoint (\S+)", listing)
        assert starts == ["results/study/models/tiny/general/seed-0/step-2"] * 5
        assert rules_of(listing) == TRAINING | FIGURES_OF_TABLE
        # The arm without intermediate pre-training is fine-tuned from there, too.
        finetuned = re.findall(r"maskpolicy finetune --checkpoint (\S+)", listing)
        assert finetuned.count("results/study/models/tiny/general/seed-0/step-2") == 1
    with changed(finished, "intermediate", "reviews", start="initial") as listing:
        starts = re.findall(r"maskpolicy pretrain .*--checkpoint (\S+)", listing)
        assert starts == ["results/study/models/tiny/initial/seed-0"] * 5
