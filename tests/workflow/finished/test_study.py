"""The workflow end to end: real Snakemake, real spaCy, real training, on a study that takes a
minute.
"""

import csv
import hashlib
import json
import os
import re
import shutil
from copy import deepcopy
from pathlib import Path

import pyarrow as pa
import pytest
from support.study_folder import rules_of, write_jsonl

from maskpolicy.analysis.specs import MASK_FIGURES

FORMATS = ("csv", "comparisons.csv", "md", "tex", "html", "json")

# Of the encoder track; `specs` aside, which only says what a configuration may hold.
ENCODER_PARTS = re.compile(
    r"maskpolicy\.(models\.(encoder|classifier|inference|labelled|layout|families\.masked_lm)"
    r"|training\.epochs|tasks\.classification"
    r"|policies\.(fully_explored|selective\.(?!specs)\w+)"
    r"|analysis\.(?!specs|costs|benchmarks|mask_(?!s))\w+)"
)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_format_of_the_table_is_there(finished):
    tables = finished.results / "tables"
    for suffix in FORMATS:
        assert (tables / f"qa.{suffix}").stat().st_size > 0
    arms = finished.study["tables"]["qa"]["arms"]
    markdown = (tables / "qa.md").read_text()
    assert [arm for arm in arms if f"| {arm} " in markdown.replace("**", "")] == arms


def test_the_table_is_printed_at_the_end(finished):
    assert "ssm@control" in finished.output.rpartition("Complete log")[0] + finished.output[-4000:]
    assert "qa.md" in finished.output


def test_progress_shows_loss_and_speed(finished):
    assert re.search(r"loss \d+\.\d+ +[\d,]+ tokens/s", finished.output)


def test_every_arm_has_every_seed(finished):
    runs = sorted(finished.results.glob("runs/tiny/facts/*/qa/pretraining-0/seed-*/metrics.json"))
    assert len(runs) == 6 * 2
    record = json.loads(runs[0].read_text())
    assert record["examples"] == 36
    assert 0 <= record["metrics"]["exact_match"] <= 1


def test_a_control_masks_as_many_tokens_as_its_policy(finished):
    masks = finished.results / "masks" / "facts" / "bpe"
    for shard in ("shard-0.json", "shard-1.json"):
        policy, control = (
            json.loads((masks / name / shard).read_text()) for name in ("ssm", "ssm@control")
        )
        assert policy["masked_tokens"] == control["masked_tokens"] > 0
        assert policy["rows"] == control["rows"]


def test_salient_span_masking_masks_entities_and_its_control_does_not(finished):
    folder = finished.results / "analysis" / "qa"
    with (folder / "masked-entities.csv").open(newline="") as file:
        shares = {
            row["arm"]: float(row["share"])
            for row in csv.DictReader(file)
            if row["entity"] == "no entity"
        }
    assert list(shares)[1:] == [
        arm for arm in finished.study["tables"]["qa"]["arms"] if arm != "none"
    ]
    assert shares["ssm"] == 0 < shares["ssm@control"] < 1
    for name in MASK_FIGURES:
        assert (folder / f"{name}.svg").stat().st_size > 0


@pytest.mark.parametrize(
    ("arm", "network"), [("supervised-top5", "supervised-qa"), ("meta", "meta-qa")]
)
def test_learned_arms_mask_with_what_their_task_has_taught(finished, arm, network):
    results = finished.results
    manifest = json.loads((results / "networks" / network / "manifest.json").read_text())
    assert manifest["train"]["examples"] == 126
    for name in manifest["files"]:
        assert digest(results / "networks" / network / name) == manifest["files"][name]["sha256"]
    masks = results / "masks" / "facts" / "bpe"
    for shard in ("shard-0.json", "shard-1.json"):
        learned, random = (json.loads((masks / a / shard).read_text()) for a in (arm, "rand"))
        assert learned["rows"] == random["rows"]
        assert 0 < learned["rate"] < 0.3
    with (results / "analysis" / "qa" / "costs.csv").open(newline="") as file:
        costs = {(row["arm"], row["stage"]): float(row["seconds"]) for row in csv.DictReader(file)}
    assert costs[arm, "policy network"] > 0
    assert ("rand", "policy network") not in costs


def test_meta_learning_has_moved_the_network(finished):
    manifest = json.loads((finished.results / "networks/meta-qa/manifest.json").read_text())
    assert (manifest["method"], manifest["task"]) == ("meta", "qa")
    before, after = manifest["evaluations"]
    assert (before["step"], after["step"]) == (0, 4)
    assert before["objective"] != after["objective"]


def test_nothing_is_left_to_do(finished):
    assert finished.planned() == set()


def test_touching_a_big_input_reruns_nothing(finished):
    for name in ("corpora/facts/bpe/shard-0.arrow", "corpora/facts/documents/part-0.arrow"):
        os.utime(finished.results / name)
    for file in finished.results.glob("models/tiny/**/model.safetensors"):
        os.utime(file)
    assert finished.planned() == set()


def test_a_changed_rate_reruns_only_what_depends_on_it(finished):
    decide = finished.study["policies"]["rand"]["decide"]
    decide["rate"] = 0.2
    try:
        listing = finished.snakemake("--dry-run", "--printshellcmds").stdout
        planned = finished.planned()
    finally:
        decide["rate"] = 0.15
    assert finished.planned() == set()
    assert planned == {
        "mask_corpus",
        "pretrain_intermediate",
        "search_finetuning",
        "finetune",
        "score_runs",
        "collect_runs",
        "test_significance",
        "render_table",
        "draw_costs",
        "analyse_masks",
        "build_site",
    }
    assert "Pre-train tiny (facts) with rand" in listing
    assert "Fine-tune on qa after rand\n" in listing
    for untouched in ("with ssm", "after ssm", "after none", "annotate_shard", "shard_corpus"):
        assert untouched not in listing


def test_a_single_rule_reruns_to_the_same_bytes(finished):
    tables = finished.results / "tables"
    before = {suffix: digest(tables / f"qa.{suffix}") for suffix in (*FORMATS, "svg", "png")}
    done = finished.snakemake("--cores", "2", "--forcerun", "render_table")
    assert done.returncode == 0, done.stderr
    assert {suffix: digest(tables / f"qa.{suffix}") for suffix in before} == before


def test_policies_are_trained_again_alone_to_the_same_bytes(finished):
    networks = finished.results / "networks"
    before = {path: digest(path) for path in networks.rglob("*.*")}
    manifests = [
        str(path.relative_to(finished.folder)) for path in networks.glob("*/manifest.json")
    ]
    assert len(manifests) == 2
    done = finished.snakemake("--cores", "2", "--forcerun", "train_policy", "--", *manifests)
    assert done.returncode == 0, done.stderr
    assert rules_of(done.stdout + done.stderr) == {"train_policy"}
    assert {path: digest(path) for path in networks.rglob("*.*")} == before
    assert finished.planned() == set()


def test_what_an_orphan_has_trained_is_taken_unless_it_is_forced(finished):
    """Without hooks a run ends as one whose driver was killed: what was trained is still kept."""
    manifest = finished.results / "networks" / "supervised-qa" / "manifest.json"
    before, states = digest(manifest), finished.results / "states"
    target = str(manifest.relative_to(finished.folder))
    killed = finished.snakemake("--cores", "1", "--force", "--no-hooks", "--", target)
    assert killed.returncode == 0, killed.stderr
    assert list(states.rglob("*.result"))
    manifest.unlink()
    again = finished.snakemake("--cores", "1", "--no-hooks", "--", target)
    log = finished.results / "logs" / "train_policy" / "supervised-qa.log"
    taken = "supervised-qa: an earlier job trained it to its end, which is taken"
    assert again.returncode == 0 and taken in log.read_text()
    assert digest(manifest) == before
    forced = finished.snakemake("--cores", "1", "--force", "--", target)
    assert forced.returncode == 0 and taken not in log.read_text()
    assert digest(manifest) == before
    assert not list(states.rglob("*.result"))


def test_a_policy_learned_on_one_task_masks_for_another(finished):
    before = deepcopy(finished.study)
    questions = (finished.folder / "questions.jsonl").read_text().splitlines(keepends=True)
    (finished.folder / "other.jsonl").write_text("".join(questions[:60]))
    other = before["tasks"]["qa"] | {"examples": {"source": "own-pairs", "train": "other.jsonl"}}
    finished.study["tasks"]["other"] = other
    finished.study["tables"]["other"] = before["tables"]["qa"] | {"tasks": ["other"]}
    run = "results/study/runs/tiny/facts/meta/other/pretraining-0/seed-0"
    try:
        planned = finished.planned()
        done = finished.snakemake("--cores", "2", "--", f"{run}/metrics.json")
        # The other way round it is one line: another teacher for the arm of the first table.
        finished.study["networks"]["meta-qa"]["task"] = "other"
        listing = finished.snakemake(
            "--dry-run", "--printshellcmds", "--", "results/study/tables/qa.md"
        ).stdout
    finally:
        finished.study = before
    # Networks, masks and pre-trained models are there already.
    assert planned == {
        "prepare_task",
        "check_metrics",
        "report_leaks",
        "count_cuts",
        "search_finetuning",
        "finetune",
        "score_runs",
        "list_files",
        "collect_runs",
        "test_significance",
        "render_table",
        "draw_costs",
        "analyse_masks",
        "build_site",
    }
    assert done.returncode == 0, done.stderr
    made = {"prepare_task", "check_metrics", "search_finetuning", "finetune", "score_runs"}
    assert rules_of(done.stdout + done.stderr) == made
    record = json.loads((finished.folder / run / "metrics.json").read_text())
    assert (record["policy"], record["task"], record["examples"]) == ("meta", "other", 12)
    (taught,) = re.findall(r"maskpolicy train-policy --task (\S+)", listing)
    tested = re.findall(r"maskpolicy finetune .*--task (\S+)", listing)
    assert (taught, set(tested)) == ("results/study/tasks/other", {"results/study/tasks/qa"})
    assert len(tested) == 1  # all seeds of the arm `meta`


def test_a_seed_more_is_a_run_more_and_a_forced_job_makes_all_anew(finished):
    folder = finished.results / "runs/tiny/facts/rand/qa/pretraining-0"
    predictions = [folder / f"seed-{seed}/predictions.arrow" for seed in (0, 1, 2)]
    before = [digest(path) for path in predictions[:2]]
    target = str(predictions[2].with_name("manifest.json").relative_to(finished.folder))
    finished.study["seeds"]["finetuning"] = [0, 1, 2]
    try:
        more = finished.snakemake("--cores", "2", "--", target)
        made = [digest(path) for path in predictions]
        forced = finished.snakemake("--cores", "2", "--force", "--", target)
    finally:
        finished.study["seeds"]["finetuning"] = [0, 1]
        shutil.rmtree(predictions[2].parent)
    assert more.returncode == forced.returncode == 0, more.stderr + forced.stderr
    kept = re.compile("seed ([0-9]): its predictions are there, and kept")
    assert kept.findall(more.stdout + more.stderr) == ["0", "1"]
    assert not kept.findall(forced.stdout + forced.stderr)
    assert made[:2] == before and len(made) == 3
    assert [digest(path) for path in predictions[:2]] == before
    assert finished.snakemake("--cores", "2").returncode == 0
    assert finished.planned() == set()


def test_another_metric_scores_what_is_predicted_and_trains_nothing(finished):
    results, task = finished.results, finished.study["tasks"]["qa"]
    trained = [*results.glob("networks/**/*.safetensors"), *results.glob("runs/**/*predict*.arrow")]
    before = {path: (digest(path), path.stat().st_mtime_ns) for path in trained}
    scored = {"check_metrics", "score_runs"}
    scored |= {"collect_runs", "test_significance", "render_table", "build_site"}
    task["metrics"] = ["exact_match", "token_f1"]
    try:
        planned = finished.planned()
        done = finished.snakemake("--cores", "2")
        with (results / "tables" / "qa.csv").open(newline="") as file:
            columns = next(csv.reader(file))
        task["metrics"] = ["token_f1", "exact_match"]  # the first one chooses the learning rate
        chosen = finished.planned()
    finally:
        del task["metrics"]
    assert planned == scored
    assert done.returncode == 0, done.stderr
    assert rules_of(done.stdout + done.stderr) == scored
    assert {"qa EM", "qa F1"} <= set(columns)
    assert len(before) >= 2 + 6 * 2 * 2  # networks; of each arm and seed, dev and test
    assert {path: (digest(path), path.stat().st_mtime_ns) for path in before} == before
    assert chosen == scored | {"search_finetuning", "finetune"}
    assert finished.snakemake("--cores", "2").returncode == 0
    assert finished.planned() == set()


def test_a_metric_that_can_not_score_the_answers_ends_a_study_before_it_trains(unstarted):
    unstarted.study["tasks"]["qa"]["metrics"] = ["exact_match", "rouge1"]
    path = unstarted.folder / "questions.jsonl"
    questions = [json.loads(line) for line in path.read_text().splitlines()]
    write_jsonl(path, [question | {"answers": ["Москва"]} for question in questions])
    done = unstarted.snakemake("--cores", "2")
    assert done.returncode != 0
    lines = (done.stdout + done.stderr).splitlines()
    # In its place, and again at the end, where failures are repeated.
    first, again = (line for line in lines if "error: tasks.qa.metrics" in line)
    assert again.strip() == first
    assert "rouge1 can't score 36 of 36 answers of test, as 'Москва'" in first
    logs = {path.name for path in (unstarted.results / "logs").iterdir()}
    assert "check_metrics" in logs
    assert not logs & {"train_policy", "pretrain_general", "search_finetuning", "finetune"}


def test_another_number_of_shards_says_what_it_costs(finished):
    corpus = finished.study["corpora"]["facts"]
    told = "corpora.facts.shards: 4 in place of the 2 in results/study/corpora/facts/bpe: "
    corpus["shards"] = 4
    try:
        assert told in finished.snakemake("--dry-run").stderr
    finally:
        corpus["shards"] = 2
    assert "corpora.facts.shards" not in finished.snakemake("--dry-run").stderr


def test_a_seed_reruns_alone_to_the_same_bytes(finished):
    run = "results/study/runs/tiny/facts/ssm/qa/pretraining-0/seed-1"
    before = digest(finished.folder / run / "predictions.arrow")
    shutil.rmtree(finished.folder / run)
    done = finished.snakemake("--cores", "1", f"{run}/metrics.json")
    assert done.returncode == 0, done.stderr
    assert digest(finished.folder / run / "predictions.arrow") == before
    assert finished.snakemake("--cores", "2").returncode == 0


def test_a_truncated_shard_is_named(finished):
    shard = finished.results / "corpora" / "facts" / "bpe" / "shard-0.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    masks = finished.results / "masks" / "facts" / "bpe" / "rand" / "manifest.json"
    try:
        target = str(masks.relative_to(finished.folder))
        done = finished.snakemake("--cores", "1", "--forcerun", "mask_corpus", "--", target)
        assert done.returncode != 0
        assert re.search(
            r"error: \S*shard-0\.arrow is damaged or truncated", done.stdout + done.stderr
        )
        assert not masks.exists()
    finally:
        shard.write_bytes(whole)
    assert finished.snakemake("--cores", "2").returncode == 0


def test_decisions_take_less_than_a_twelfth_of_the_token_ids(finished):
    corpora = finished.results / "corpora" / "facts" / "bpe"
    with pa.ipc.open_file(corpora / "shard-0.arrow") as shard:
        ids = shard.read_all().column("input_ids").combine_chunks().flatten()
    decided = finished.results / "masks/facts/bpe/rand/epoch-0/shard-0.arrow"
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
    assert "maskpolicy.study.loading" in imported
    assert not imported & {"torch", "transformers", "spacy", "numba"}


def test_no_command_of_the_default_study_loads_encoder_parts(finished):
    loaded = finished.modules()
    wanted = {
        "pretrain",
        "train-policy",
        "mask-shard",
        "mask-corpus",
        "finetune",
        "draw-costs",
        "show-tables",
    }
    assert wanted <= set(loaded)
    assert "maskpolicy.models.seq2seq" in loaded["pretrain"]
    for command, modules in loaded.items():
        assert not {name for name in modules if ENCODER_PARTS.match(name)}, command
