"""The workflow end to end: real Snakemake, real spaCy, real training, on a study that takes a
minute.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

FORMATS = ("csv", "md", "tex", "html", "json")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_format_of_the_table_is_there(finished):
    tables = finished.folder / "results" / "tables"
    for suffix in FORMATS:
        assert (tables / f"qa.{suffix}").stat().st_size > 0
    arms = ["none", "rand", "ssm", "ssm@control", "supervised-top5"]
    markdown = (tables / "qa.md").read_text()
    assert [arm for arm in arms if f"| {arm} " in markdown.replace("**", "")] == arms


def test_the_table_is_printed_at_the_end(finished):
    assert "ssm@control" in finished.output.rpartition("Complete log")[0] + finished.output[-4000:]
    assert "qa.md" in finished.output


def test_progress_shows_loss_and_speed(finished):
    assert re.search(r"loss \d+\.\d+ +[\d,]+ tokens/s", finished.output)


def test_every_arm_has_every_seed(finished):
    runs = sorted(
        finished.folder.glob("results/runs/tiny/facts/*/qa/pretraining-0/seed-*/metrics.json")
    )
    assert len(runs) == 5 * 2
    record = json.loads(runs[0].read_text())
    assert record["examples"] == 36
    assert 0 <= record["metrics"]["exact_match"] <= 1


def test_a_control_masks_as_many_tokens_as_its_policy(finished):
    masks = finished.folder / "results" / "masks" / "facts" / "bpe"
    for shard in ("shard-0.json", "shard-1.json"):
        policy, control = (
            json.loads((masks / name / shard).read_text()) for name in ("ssm", "ssm@control")
        )
        assert policy["masked_tokens"] == control["masked_tokens"] > 0
        assert policy["rows"] == control["rows"]


def test_nothing_is_left_to_do(finished):
    assert finished.planned() == set()


def test_touching_a_big_input_reruns_nothing(finished):
    for name in ("corpora/facts/bpe/shard-0.arrow", "corpora/facts/documents.arrow"):
        os.utime(finished.folder / "results" / name)
    for file in finished.folder.glob("results/models/tiny/**/model.safetensors"):
        os.utime(file)
    assert finished.planned() == set()


def test_a_changed_rate_reruns_only_what_depends_on_it(finished):
    decide = finished.study["policies"]["rand"]["decide"]
    decide["rate"] = 0.2
    try:
        listing = finished.snakemake("--dry-run").stdout
        planned = finished.planned()
    finally:
        decide["rate"] = 0.15
    assert finished.planned() == set()
    assert planned == {
        "mask_shard",
        "pretrain_intermediate",
        "search_finetuning",
        "finetune",
        "collect_runs",
        "test_significance",
        "render_table",
        "draw_costs",
    }
    assert "Pre-train tiny (facts) with rand" in listing
    assert "Fine-tune on qa after rand, seed 1" in listing
    for untouched in ("with ssm", "after ssm", "after none", "annotate_shard", "shard_corpus"):
        assert untouched not in listing


def test_a_single_rule_reruns_to_the_same_bytes(finished):
    tables = finished.folder / "results" / "tables"
    before = {suffix: digest(tables / f"qa.{suffix}") for suffix in (*FORMATS, "svg", "png")}
    done = finished.snakemake("--cores", "2", "--forcerun", "render_table")
    assert done.returncode == 0, done.stderr
    assert {suffix: digest(tables / f"qa.{suffix}") for suffix in before} == before


def test_a_seed_reruns_alone_to_the_same_bytes(finished):
    run = "results/runs/tiny/facts/ssm/qa/pretraining-0/seed-1"
    before = digest(finished.folder / run / "predictions.arrow")
    shutil.rmtree(finished.folder / run)
    done = finished.snakemake("--cores", "1", f"{run}/metrics.json")
    assert done.returncode == 0, done.stderr
    assert digest(finished.folder / run / "predictions.arrow") == before
    assert finished.snakemake("--cores", "2").returncode == 0


def test_a_truncated_shard_is_named(finished):
    shard = finished.folder / "results" / "corpora" / "facts" / "bpe" / "shard-0.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    masks = finished.folder / "results" / "masks" / "facts" / "bpe" / "rand" / "shard-0.json"
    try:
        target = str(masks.relative_to(finished.folder))
        done = finished.snakemake("--cores", "1", "--forcerun", "mask_shard", "--", target)
        assert done.returncode != 0
        assert re.search(
            r"error: \S*shard-0\.arrow is damaged or truncated", done.stdout + done.stderr
        )
        assert not masks.exists()
    finally:
        shard.write_bytes(whole)
    assert finished.snakemake("--cores", "2").returncode == 0


def test_decisions_take_less_than_a_twelfth_of_the_token_ids(finished):
    corpora = finished.folder / "results" / "corpora" / "facts" / "bpe"
    with pa.ipc.open_file(corpora / "shard-0.arrow") as shard:
        ids = shard.read_all().column("input_ids").combine_chunks().flatten()
    decided = finished.folder / "results/masks/facts/bpe/rand/epoch-0/shard-0.arrow"
    with pa.ipc.open_file(decided) as shard:
        bits = shard.read_all().column("decisions").combine_chunks()
    assert len(bits) == len(ids)
    assert bits.buffers()[1].size <= ids.nbytes / 12


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        (("policies", "rand", "decide", "rate"), 1.5, "policies.rand.decide.rate"),
        (("policies", "rand", "decide", "rat"), 0.1, "policies.rand.decide.rat: unknown key"),
    ],
)
def test_a_wrong_configuration_is_one_message(finished, keys, value, named):
    *path, last = keys
    record = finished.study
    for key in path:
        record = record[key]
    before = dict(record)
    record[last] = value
    try:
        done = finished.snakemake("--dry-run")
    finally:
        record.clear()
        record.update(before)
    assert done.returncode != 0
    assert named in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_reading_the_snakefile_imports_nothing_heavy(finished):
    done = finished.snakemake("--dry-run", "--quiet", python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "maskpolicy.config" in imported
    assert not imported & {"torch", "transformers", "spacy", "numba"}


def test_the_configuration_does_not_import_pandas():
    """Snakemake itself does, so the Snakefile's own modules are looked at alone."""
    modules = "maskpolicy.config, maskpolicy.policies.registry"
    check = f"import sys, {modules}; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
