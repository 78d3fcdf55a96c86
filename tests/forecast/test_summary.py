"""`maskpolicy plan` and `maskpolicy costs`: what is said, and what is written."""

import json
import shutil
import sys

import pytest
import yaml
from support.configurations import configuration, path_of
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.errors import InputError
from maskpolicy.forecast.actual import SHARED, study_cost
from maskpolicy.forecast.rates import USUAL_RATES, Rates
from maskpolicy.forecast.schedule import Machines
from maskpolicy.forecast.summary import StudyForecast, forecast_study

CONFIG = path_of("config")


def run(*arguments):
    done = CliRunner().invoke(cli.app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_plan_says_hours_memory_time_power_and_what_it_assumed(folder):
    done = run("plan", "--gpus=4", "--cores=16", "--json=forecast.json")
    assert done.exit_code == 0, done.output
    for word in (
        "pretrain_intermediate",
        "GPU-hours",
        "On 4 GPUs (one a job) and 16 cores",
        "longest chain",
    ):
        assert word in done.output
    assert "closed-book-qa" in done.output and "3.26 sd" in done.output
    assert "corpora.factbook: 40,320 tokens" in done.output
    assert "not measured" in done.output
    read = StudyForecast.read(folder / "forecast.json")
    assert (read.gpus, read.cores, read.rates) == (4, 16, USUAL_RATES)
    assert sum(rule.jobs for rule in read.rules if rule.rule == "pretrain_intermediate") == 8


def test_more_gpus_end_earlier_but_not_before_the_longest_chain(folder):
    one, many = (forecast_study(CONFIG, Machines(2, gpus)) for gpus in (1, 100))
    assert one.hours > many.hours >= many.chain_hours == one.chain_hours
    trained = ["pretrain_general", "pretrain_intermediate", "search_finetuning", "finetune"]
    assert [link.rule for link in many.chain if link.rule in trained] == trained


def test_a_profile_says_how_many_gpus_a_job_is_given(folder):
    """Four take the work of one to a quarter, start apart; a rule without one is on cores."""
    given = {"pretrain_intermediate": {"gpu": "2 * 2"}, "search_finetuning": {"gpu": 1}}
    (folder / "cluster").mkdir()
    (folder / "cluster/config.yaml").write_text(yaml.safe_dump({"set-resources": given}))
    one = forecast_study(CONFIG, Machines(2, 8))
    done = run("plan", "--gpus=8", "--cores=2", "--profile=cluster", "--json=forecast.json")
    assert "On 8 GPUs and 2 cores (as cluster gives them)" in done.output
    several = StudyForecast.read(folder / "forecast.json")
    before, after = ({rule.rule: rule for rule in each.rules} for each in (one, several))
    trained = "pretrain_intermediate"
    assert after[trained].longest < before[trained].longest
    assert after[trained].gpu_hours == pytest.approx(
        4 * after[trained].longest * after[trained].jobs, rel=0.05
    )
    assert before["finetune"].gpu_hours > after["finetune"].gpu_hours == 0
    assert after["finetune"].cpu_hours > before["finetune"].cpu_hours == 0
    with pytest.raises(InputError, match="a job wants 4 GPUs, and there are 2"):
        run("plan", "--gpus=2", "--profile=cluster")


def test_only_jobs_that_would_run_are_counted(folder):
    manifest = folder / "results/config/tasks/factbook-qa/manifest.json"
    every = forecast_study(CONFIG, Machines(2))
    for name in ("train.arrow", "dev.arrow", "test.arrow"):
        path = manifest.with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    manifest.write_text("{}")
    rest = forecast_study(CONFIG, Machines(2))
    rules = [{rule.rule for rule in one.rules} for one in (every, rest)]
    assert rules[0] - rules[1] == {"prepare_task"}


def test_rates_of_another_machine_are_taken(folder):
    cpu = USUAL_RATES.cpu.model_copy(update={"training": USUAL_RATES.cpu.training * 10})
    USUAL_RATES.model_copy(update={"cpu": cpu}).write(folder / "rates.json")
    usual = forecast_study(CONFIG, Machines(2))
    faster = forecast_study(CONFIG, Machines(2), Rates.read(folder / "rates.json"))
    assert faster.hours < usual.hours
    done = run("plan", "--rates=rates.json", "--cores=2", "--json=forecast.json")
    assert done.exit_code == 0
    assert StudyForecast.read(folder / "forecast.json").hours == faster.hours


def test_what_is_wrong_is_said_in_a_line(folder, monkeypatch):
    (folder / "rates.json").write_text('{"cpu": 1}')
    with pytest.raises(InputError, match=r"rates.json: cpu: "):
        run("plan", "--rates=rates.json")
    (folder / "study.yaml").write_text("seeds: 1\nseeds: 2\n")
    with pytest.raises(InputError, match=r"study.yaml, line 2: seeds is written twice"):
        run("plan", "--configfile=study.yaml")
    assert run("plan", "--configfile=nowhere.yaml").exit_code == 2
    with pytest.raises(InputError, match=r"profile directory given \(nowhere\), but no profile"):
        run("plan", "--profile=nowhere")
    for profile, wrong in (
        ("nonsense: 1", r"unrecognized arguments: --nonsense=1"),
        ("set-resources: {finetune: {gpu: 1", r"line 1, column 34"),
        ("set-resources: {finetune: {gpu: -2}}", r"'-2', which is not a positive integer"),
        ("set-threads: {finetune: none}", r"_cores"),
        ("set-resources: {finetune: {gpu: many}}", r"finetune: `gpu` is a number, not 'many'"),
        ("shared-fs-usage: sources", r"shared-fs-usage: without input-output: results are read"),
        ("default-storage-provider: bucket", r"plugin-bucket is not installed"),
    ):
        (folder / "config.v8+.yaml").write_text(profile)
        with pytest.raises(InputError, match=wrong) as raised:
            run("plan", "--profile=config.v8+.yaml", "--gpus=1")
        assert len(str(raised.value).splitlines()) <= 4
    (folder / "Snakefile").unlink()
    with pytest.raises(InputError, match=r"no Snakefile here"):
        run("plan")
    (folder / "Snakefile").write_text("rule all:\n    input: 'nothing'\n")
    with pytest.raises(InputError, match=r"(?s)Missing input files.*nothing"):
        run("plan")


def test_a_batch_that_no_gpu_holds_is_pointed_out(folder):
    shutil.copy(path_of("influence"), "influence.yaml")
    done = run("plan", "--configfile=influence.yaml", "--gpus=8")
    assert "More than the 80 GB of a GPU: pretrain_intermediate" in done.output
    assert "in print" in done.output


def test_a_training_of_more_than_two_days_goes_on_in_so_many_retries(folder):
    study = configuration()
    study["intermediate"]["factbook"]["steps"] = 10_000_000
    (folder / "long.yaml").write_text(yaml.safe_dump(study))
    forecast = forecast_study(folder / "long.yaml", Machines(2))
    (trained,) = (rule for rule in forecast.rules if rule.rule == "pretrain_intermediate")
    # Twice the forecast in parts of two days.
    assert trained.attempts == pytest.approx(2 * trained.longest / 48, abs=1)
    done = run("plan", "--configfile=long.yaml", "--cores=2").output
    assert f"pretrain_intermediate {trained.attempts}. Set" in done
    assert f"`retries: {trained.attempts - 1}`" in done
    assert "start anew" not in done and "retries" not in run("plan", "--cores=2").output


def test_a_job_of_more_than_two_days_that_starts_anew_is_pointed_out(folder):
    cpu = USUAL_RATES.model_copy(update={"sharding": 0.1})
    cpu.write(folder / "slow.json")
    done = run("plan", "--rates=slow.json", "--cores=2").output
    assert "start anew when they are stopped: shard_corpus" in done and "retries" not in done


@pytest.fixture
def measured(folder):
    """Benchmarks of some jobs of the default study, in seconds."""

    def write(**seconds):
        for name, taken in seconds.items():
            path = folder / "results/config/benchmarks" / f"{name.replace('__', '/')}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            used = (
                2 * taken if name.startswith("mask") else "NA"
            )  # by two cores; of others not known
            path.write_text(f"s\th:m:s\tcpu_time\n{taken}\t-\t{used}\n")

    return write


def test_before_a_run_there_are_no_costs(folder):
    assert "nothing has run yet" in run("costs").output


def test_costs_are_measured_by_rule_and_by_arm(folder, measured):
    seed = "pretrain_intermediate/bart-mini/factbook"
    of_arm = {f"{seed}/ssm/0": 3600, f"{seed}/ssm@control/0": 1800, f"{seed}/meta/0": 900}
    masks = {"mask_corpus/factbook/bpe-4k/ssm": 36, "match_corpus/factbook/bpe-4k/ssm@control": 72}
    network = {"train_policy/meta-qa": 360, "pretrain_general/bart-mini/0": 720}
    measured(**of_arm, **masks, **network)
    cost = study_cost(CONFIG, Machines(1))
    by_rule = {rule.rule: (rule.jobs, rule.measured) for rule in cost.rules}
    assert by_rule["pretrain_intermediate"] == (3, 1.75)
    assert by_rule["mask_corpus"] == (1, 0.01)
    hours = {arm.arm: arm.cpu_hours for arm in cost.arms}
    assert hours == {
        SHARED: pytest.approx(0.2),
        "ssm": pytest.approx(1.02),
        "ssm@control": pytest.approx(0.54),  # and of its policy's masks, which it moves
        "meta": pytest.approx(0.35),
    }
    energy = {arm.arm: arm.kilowatt_hours for arm in cost.arms}
    assert energy["ssm"] == pytest.approx(1.02 * USUAL_RATES.cpu.watts / 1000)
    on_gpu = {arm.arm: arm for arm in study_cost(CONFIG, Machines(1, 1)).arms}["ssm"]
    assert (on_gpu.gpu_hours, on_gpu.cpu_hours) == (1.0, pytest.approx(0.02))
    shown = run("costs", "--cores=1", "--gpu", "--json=costs.json").output
    assert "ssm@control" in shown and "400 W a GPU" in shown
    assert "only its last part" in shown
    assert json.loads((folder / "costs.json").read_text())["gpu"] is True


def test_every_gpu_of_a_pre_training_counts(folder, measured):
    measured(**{"pretrain_intermediate/bart-mini/factbook/ssm/0": 3600})
    manifest = folder / "results/config/models/bart-mini/factbook/ssm/seed-0/manifest.json"
    manifest.parent.mkdir(parents=True)
    alone = study_cost(CONFIG, Machines(1, 1))  # the checkpoint is not there any more
    assert alone.arms[0].gpu_hours == 1
    manifest.write_text('{"processes": 4}')
    several = study_cost(CONFIG, Machines(1, 1))
    assert several.arms[0].gpu_hours == 4
    assert several.arms[0].kilowatt_hours == 4 * alone.arms[0].kilowatt_hours
    assert several.rules[0].measured == 1 and several.rules[0].forecast < alone.rules[0].forecast
    assert study_cost(CONFIG, Machines(1)).arms[0].cpu_hours == 4
    manifest.write_text("[4]")
    with pytest.raises(InputError, match=r"ssm/seed-0/manifest.json does not say how many"):
        study_cost(CONFIG, Machines(1))


def test_a_damaged_benchmark_is_named(folder, measured):
    measured(**{"train_policy/meta-qa": "soon"})
    with pytest.raises(InputError, match=r"train_policy/meta-qa.tsv is not a benchmark"):
        study_cost(CONFIG, Machines(1))


def test_in_a_pipe_it_is_plain_text(folder):
    import subprocess

    command = [sys.executable, "-m", "maskpolicy.cli", "plan"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout and "…" not in done.stdout.split("\n\n")[0]
    assert not done.stderr
    assert configuration()["tables"].keys() == {"closed-book-qa"}
