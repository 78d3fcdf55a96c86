"""What jobs need: right within a factor of two where it was measured, and in proportion."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from support.configurations import STUDIES, configuration, path_of, set_key

from maskpolicy.forecast import texts
from maskpolicy.forecast.jobs import plan_jobs
from maskpolicy.forecast.need import (
    LONGEST_MINUTES,
    SPARE_MINUTES,
    Need,
    asked_memory,
    asked_minutes,
    attempts_needed,
)

ARM = {"model": "bart-mini", "stage": "factbook", "policy": "ssm", "pretraining_seed": "0"}
RUN = ARM | {"task": "factbook-qa"}
HELD_OUT = {"corpus": "apart", "tokenizer": "bpe-4k"}
MASKS = {"corpus": "factbook", "tokenizer": "bpe-4k", "policy": "ssm"}

MEASURED = {
    "pretrain_general": (78.1, 778, {"model": "bart-mini", "pretraining_seed": "0"}),
    "pretrain_intermediate": (122.4, 718, ARM),
    "search_finetuning": (50.7, 644, RUN),
    "finetune": (23.6, 657, RUN | {"stop": ""}),
    "train_policy": (65.2, 698, {"network": "meta-qa"}),
    "shard_corpus": (4.9, 509, {"corpus": "factbook", "tokenizer": "bpe-4k", "shard": "0"}),
    "annotate_shard": (6.5, 483, {"corpus": "factbook", "tokenizer": "bpe-4k", "shard": "0"}),
    "mask_shard": (4.3, 473, MASKS | {"policy": "meta", "shard": "0"}),
    "initialise_model": (5.1, 493, {"model": "bart-mini", "pretraining_seed": "0"}),
    "count_cuts": (5.4, 502, {"model": "bart-mini", "task": "factbook-qa"}),
    "analyse_masks": (8.7, 351, {"table": "closed-book-qa"}),
    "fetch_documents": (2.0, 238, {"corpus": "factbook"}),
}
"""Rule of the default study -> seconds and MB of one of its jobs, as Snakemake's benchmarks had
them on two cores of an AMD EPYC, and the wildcards of the job."""


@pytest.mark.parametrize("rule", MEASURED)
def test_jobs_of_the_default_study_take_what_was_forecast_within_a_factor_of_two(rule, forecast_of):
    seconds, memory, wildcards = MEASURED[rule]
    need = forecast_of().need(rule, wildcards)
    assert seconds / 2 <= need.seconds <= seconds * 2
    assert memory <= asked_memory(need) <= 4 * memory


def seconds_of(forecast, rule, wildcards):
    """Without the start of the job."""
    return forecast.need(rule, wildcards).seconds - forecast.rates.cpu.start


def test_twice_the_work_takes_twice_as_long(forecast_of):
    once = forecast_of()
    stage, search = "intermediate/factbook/", "finetuning/default/"
    doubled = {
        "pretrain_intermediate": (ARM, stage + "steps", 2800),
        "search_finetuning": (RUN, search + "learning_rates", [i / 1000 for i in range(1, 13)]),
        "annotate_shard": (MEASURED["annotate_shard"][2], "corpora/factbook/shards", 1),
    }
    for rule, (wildcards, key, value) in doubled.items():
        twice = forecast_of(set_key(configuration(), key, value))
        assert seconds_of(twice, rule, wildcards) == pytest.approx(
            2 * seconds_of(once, rule, wildcards)
        )


def test_a_run_that_the_search_trained_is_not_trained_again(forecast_of):
    three = seconds_of(forecast_of(), "finetune", RUN)
    one_setting = set_key(configuration(), "finetuning/default/learning_rates", [0.001])
    unsearched = forecast_of(one_setting)
    assert seconds_of(unsearched, "finetune", RUN) == pytest.approx(three * 3 / 2, rel=0.01)
    assert unsearched.need("search_finetuning", RUN).seconds == unsearched.rates.start


def test_networks_are_on_a_gpu_where_there_is_one_and_nothing_else_is(forecast_of):
    on_gpu, on_core = forecast_of(gpu=True), forecast_of()
    jobs = plan_jobs(path_of("config"), 2)
    asked = {job.rule for job in jobs if on_gpu.need(job.rule, job.wildcards).on_gpu}
    trained = {"pretrain_general", "pretrain_intermediate", "train_policy"}
    assert asked == trained | {"search_finetuning", "finetune", "mask_shard"}
    assert not any(on_core.need(job.rule, job.wildcards).on_gpu for job in jobs)


def test_processes_share_the_work_of_a_corpus_and_not_its_start(forecast_of):
    large = set_key(configuration(), "intermediate/factbook/batch_size", 64_000_000)
    forecast = forecast_of(large)
    alone = forecast.need("mask_corpus", MASKS)
    four = forecast.need("mask_corpus", MASKS, 4)
    start = forecast.rates.start_compiled
    assert four.seconds - start == pytest.approx((alone.seconds - start) / 4)
    assert four.memory == 4 * alone.memory
    assert four.disk == alone.disk


def test_gpus_share_a_pre_training_and_cores_do_not(forecast_of):
    forecast = forecast_of(gpu=True)
    alone, four = (forecast.need("pretrain_intermediate", ARM, 8, gpus) for gpus in (1, 4))
    assert alone == forecast.need("pretrain_intermediate", ARM)
    start = forecast.rates.gpu.start
    assert four.seconds - start == pytest.approx((alone.seconds - start) / 4)
    assert (four.memory, four.gpu_memory) == (4 * alone.memory, alone.gpu_memory)


def test_gradient_checkpointing_takes_time_and_saves_memory(forecast_of):
    plain = forecast_of().need("pretrain_intermediate", ARM)
    key = "intermediate/factbook/gradient_checkpointing"
    saving = forecast_of(set_key(configuration(), key, True)).need("pretrain_intermediate", ARM)
    assert saving.seconds > plain.seconds and saving.memory < plain.memory


def test_a_later_attempt_asks_for_more_memory_and_for_more_time_unless_it_goes_on():
    need = Need(seconds=600, memory=1000)
    assert asked_memory(need) == 2000 and asked_memory(need, 2) == 4000 == asked_memory(need, 8)
    assert asked_minutes(need) == SPARE_MINUTES + 20
    assert asked_minutes(need, 3) == 3 * (SPARE_MINUTES + 20)
    assert asked_minutes(replace(need, resumes=True), 3) == SPARE_MINUTES + 20
    assert attempts_needed(need) == attempts_needed(replace(need, resumes=True)) == 1


def test_a_job_that_goes_on_asks_for_two_days_and_for_the_rest_in_further_attempts():
    week = Need(seconds=7 * 24 * 3600, memory=1000, resumes=True)
    assert asked_minutes(week) == asked_minutes(week, 3) == LONGEST_MINUTES == 2880
    # Twice the forecast, of which an attempt does two days without its start.
    assert attempts_needed(week) == 8
    anew = replace(week, resumes=False)
    assert asked_minutes(anew) > LONGEST_MINUTES and attempts_needed(anew) == 1


def test_jobs_that_keep_what_they_did_go_on(forecast_of):
    jobs = plan_jobs(path_of("config"), 2)
    forecast = forecast_of()
    going_on = {job.rule for job in jobs if forecast.need(job.rule, job.wildcards).resumes}
    trained = {"pretrain_general", "pretrain_intermediate", "train_policy"}
    tuned = {"search_finetuning", "finetune"}
    assert going_on == trained | tuned | {"annotate_shard", "mask_corpus", "match_corpus"}
    variance = forecast_of(configuration("variance"))
    (analysis, *_) = variance.study.variance
    assert not variance.need("measure_gradient_variance", {"analysis": analysis}).resumes


@pytest.mark.parametrize("study", STUDIES)
def test_every_job_of_every_study_is_forecast_without_its_data(study, forecast_of, folder):
    forecast = forecast_of(configuration(study) | {"name": study}, gpu=True)
    jobs = plan_jobs(path_of(study), 2)
    assert len(jobs) > 10
    for job in jobs:
        need = forecast.need(job.rule, job.wildcards, job.threads)
        assert need.seconds > 0 and need.memory > 0 and need.disk >= 0


def test_a_plan_loads_nothing_heavy():
    heavy = {"torch", "transformers", "spacy", "numba", "numpy", "pandas", "pyarrow", "scipy"}
    check = f"import sys, maskpolicy.forecast.rules; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_files_are_looked_at_once_however_many_jobs_ask(forecast_of, folder, monkeypatch):
    """Of thousands of jobs Snakemake asks for each what it needs."""
    study = configuration()
    study["corpora"]["factbook"]["documents"] = {"source": "own-documents", "path": "a.jsonl"}
    (folder / "a.jsonl").write_text("{}")
    forecast, asked = forecast_of(study), []
    size_of = texts._text_bytes
    monkeypatch.setattr(texts, "_text_bytes", lambda path: asked.append(path) or size_of(path))
    for seed in range(100):
        for rule in ("pretrain_intermediate", "finetune"):
            forecast.need(rule, RUN | {"pretraining_seed": str(seed)})
    assert [path for path in asked if path.endswith("a.jsonl")] == asked[:1]


ASK = """
import io, json, sys
from contextlib import redirect_stdout
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

with SnakemakeApi(OutputSettings(dryrun=True)) as api:
    settings = ConfigSettings(configfiles=[Path("config.yaml")])
    given, counted = map(json.loads, sys.argv[1:])
    resources = ResourceSettings(cores=2, resources=counted, overwrite_resources=given)
    workflow = api.workflow(resources, settings)
    with redirect_stdout(io.StringIO()):
        workflow.dag(DAGSettings()).printrulegraph()
    jobs = workflow._workflow.dag.jobs
    asked = {job.rule.name: {k: str(v) for k, v in job.resources.items()} for job in jobs}
print(json.dumps(asked))
"""


def asked_of(given=None, **counted):
    """Rule -> what its last job asks for, of a profile's resources and those of a machine."""
    command = [sys.executable, "-c", ASK, json.dumps(given or {}), json.dumps(counted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rules_ask_for_what_is_forecast(forecast_of, folder):
    asked = asked_of()
    forecast = forecast_of()
    for rule in ("pretrain_general", "finetune", "shard_corpus"):
        need = forecast.need(rule, MEASURED[rule][2])
        assert asked[rule]["mem_mb"] == str(asked_memory(need))
        assert asked[rule]["runtime"] == str(asked_minutes(need))
    assert asked["search_finetuning"]["searches"] == "1"
    assert [rule for rule in asked if "searches" in asked[rule]] == ["search_finetuning"]
    without = {rule for rule in asked if "mem_mb" not in asked[rule]}
    assert without == {"check_contexts", "check_metrics"} | {
        "all",
        "build_site",
        "list_files",
        "render_table",
        "draw_costs",
    }


def test_of_a_rule_that_a_profile_gives_gpus_the_time_is_a_gpu_s(folder):
    """`gpu: 0` is none. Of several each has a process, with memory of its own."""
    asked = [asked_of({"pretrain_intermediate": {"gpu": gpus}}) for gpus in ("0", "1", "4")]
    on_core, on_one, on_four = (of_rules["pretrain_intermediate"] for of_rules in asked)
    assert int(on_one["runtime"]) < int(on_core["runtime"])
    assert int(on_one["mem_mb"]) > int(on_core["mem_mb"])
    assert int(on_four["mem_mb"]) == pytest.approx(4 * int(on_one["mem_mb"]), abs=8)
    assert asked[0]["finetune"] == asked[1]["finetune"]  # which is given none


def test_of_a_machine_without_gpus_the_time_is_a_core_s(folder):
    on_core, on_none, on_two = asked_of(), asked_of(gpu=0), asked_of(gpu=2)
    for rule in ("pretrain_general", "finetune"):
        assert on_none[rule]["runtime"] == on_core[rule]["runtime"]
        assert on_none[rule]["mem_mb"] == on_core[rule]["mem_mb"] != on_two[rule]["mem_mb"]


def test_held_out_losses_are_of_every_checkpoint_of_an_arm(forecast_of):
    study = configuration()
    study["corpora"]["apart"] = {
        "documents": {"source": "own-documents", "path": "apart.jsonl"},
        "sequence_length": 24,
    }
    study["intermediate"]["factbook"] |= {"held_out": "apart", "stops": [400, 800]}
    forecast = forecast_of(study)
    assert forecast.need("mask_held_out", HELD_OUT).disk > 0
    before, after = (
        seconds_of(forecast, "measure_held_out", ARM | {"policy": policy})
        for policy in ("none", "ssm")
    )
    assert after == pytest.approx(3 * before)


def test_memory_grows_with_the_corpus_up_to_what_is_counted_at_once(forecast_of):
    """Of an epoch a byte a token, two with insertions, and 50 a row; counts are made in several
    readings.
    """
    once, key = configuration(), "intermediate/factbook/steps"
    forecasts = [forecast_of(set_key(once, key, steps)) for steps in (10**7, 10**8, 10**9)]
    corpora = [forecast.texts.corpus("factbook", "bpe-4k") for forecast in forecasts]
    trained = [forecast.need("pretrain_intermediate", ARM).memory for forecast in forecasts]
    more = corpora[1].tokens - corpora[0].tokens + 50 * (corpora[1].rows - corpora[0].rows)
    assert trained[1] - trained[0] == pytest.approx(more / 1e6)
    inserted = set_key(once, "policies/ssm", {"decide": {"kind": "orig-infill", "rate": 0.3}})
    several = set_key(once, "policies/ssm/copies", 4)
    for config, bytes_a_token in ((inserted, 2), (several, 4)):
        large = forecast_of(set_key(config, key, 10**8))
        small = forecast_of(set_key(config, key, 10**7))
        taken = [each.need("pretrain_intermediate", ARM).memory for each in (small, large)]
        sizes = [each.texts.corpus("factbook", "bpe-4k") for each in (small, large)]
        tokens = sizes[1].tokens - sizes[0].tokens
        more = bytes_a_token * tokens + 50 * (sizes[1].rows - sizes[0].rows)
        assert taken[1] - taken[0] == pytest.approx(more / 1e6)
    counted = {"corpus": "factbook", "tokenizer": "bpe-4k", "statistic": "collocations"}
    needs = [forecast.need("count_statistics", counted) for forecast in forecasts]
    assert needs[2].seconds > 10 * needs[1].seconds
    assert needs[2].memory < 10 * needs[1].memory
