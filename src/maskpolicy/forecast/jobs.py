"""The jobs of a study, as Snakemake plans them, and those of its arms as its plan tells them."""

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.errors import InputError
from maskpolicy.study.plan import Arm, Plan


@dataclass(frozen=True)
class Job:
    """A job: its rule and wildcards, and the file that says how long it took, there or not."""

    rule: str
    wildcards: Mapping[str, str]
    benchmark: str | None


@dataclass(frozen=True)
class PlannedJob(Job):
    """A job that Snakemake has planned: whether it would run, after what, and with what."""

    threads: int
    runs: bool
    after: tuple[int, ...]  # numbers of the jobs that make its inputs
    gpus: int  # that it is given, where networks are on GPUs


def plan_jobs(
    configuration: Path,
    cores: int,
    gpus: int = 0,
    *,
    profile: Path | None = None,
    snakefile: Path = Path("Snakefile"),
) -> list[PlannedJob]:
    """All jobs of a study on so many cores and GPUs, planned from where Snakemake is started; none
    is run. What a job is given of them its rule says, or the `profile` of a cluster.

    Raises InputError where there is no Snakefile, or with what Snakemake says.
    """
    if not snakefile.is_file():
        raise InputError(f"no {snakefile} here: plan a study where it is run")
    # In a thread of its own: Snakemake starts an event loop, and that of a notebook has one
    # already.
    with ThreadPoolExecutor(1) as planner:
        return planner.submit(_planned, configuration, cores, gpus, profile, snakefile).result()


def _planned(
    configuration: Path, cores: int, gpus: int, profile: Path | None, snakefile: Path
) -> list[PlannedJob]:
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_args
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
        StorageSettings,
    )

    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            # What profiles say, that beside the Snakefile too: when jobs run again, what they get.
            asked = ["--snakefile", str(snakefile), "--configfile", str(configuration)]
            _, given = parse_args([*asked, "--profile", str(profile or "none")])
            output = OutputSettings(dryrun=True, quiet={Quietness.ALL})
            with SnakemakeApi(output) as api:
                workflow = api.workflow(
                    resource_settings=ResourceSettings(
                        cores=cores,
                        # With these a rule that uses GPUs asks for one by itself.
                        resources={"gpu": gpus} if gpus and not profile else {},
                        overwrite_threads=given.set_threads,
                        overwrite_resources=given.set_resources,
                    ),
                    config_settings=ConfigSettings(configfiles=[configuration]),
                    # Of these the rules refuse what a run could not work with.
                    storage_settings=StorageSettings(
                        default_storage_provider=given.default_storage_provider,
                        default_storage_prefix=given.default_storage_prefix,
                        shared_fs_usage=given.shared_fs_usage,
                    ),
                    snakefile=snakefile,
                )
                settings = DAGSettings(
                    rerun_triggers=given.rerun_triggers,
                    max_checksum_file_size=given.max_checksum_file_size,
                )
                # Of all that builds the graph of jobs and runs none it prints the least.
                workflow.dag(settings).printrulegraph()
                return _jobs(workflow._workflow.dag, on_gpus=gpus > 0)
    except SystemExit:  # how to call it, and then what is wrong
        raise InputError(_first_lines(said.getvalue().rpartition("rror: ")[2])) from None
    except Exception as error:  # of many kinds, from rules or from Snakemake
        raise InputError(_first_lines(str(error))) from None


def arm_jobs(plan: Plan) -> list[Job]:
    """The jobs that single arms of a study need, or may: without Snakemake, which takes seconds and
    plans a study only where it is run. Which of them have run, their benchmarks tell.
    """
    jobs = [job for arm in plan.arms for job in _jobs_of(plan, arm)]
    of_networks = product(("check_contexts", "train_policy"), plan.study.networks)
    jobs += [_job(plan, rule, {"network": network}) for rule, network in of_networks]
    return list({job.benchmark: job for job in jobs}.values())


def _jobs_of(plan: Plan, arm: Arm) -> Iterator[Job]:
    study = plan.study
    if arm.name != NO_POLICY and (stage := study.pretraining(arm.stage)):
        tokenizer = study.models[arm.model].tokenizer
        masks = {"corpus": stage.corpus, "tokenizer": tokenizer, "policy": arm.policy}
        if study.policies[arm.policy].decide.networks:
            for shard in plan.shards(stage.corpus):
                yield _job(plan, "mask_shard", masks | {"shard": str(shard)})
        else:
            yield _job(plan, "mask_corpus", masks)
        if arm.name.endswith(CONTROL):
            yield _job(plan, "match_corpus", masks, CONTROL)
    if arm.stage not in study.intermediate:  # the general one is of all arms
        return
    stops = ["", *(f"/step-{step}" for step in study.intermediate[arm.stage].stops)]
    for seed in map(str, study.seeds.pretraining):
        names = {"model": arm.model, "stage": arm.stage, "policy": arm.name}
        yield _job(plan, "pretrain_intermediate", names | {"pretraining_seed": seed})
        yield _job(plan, "measure_held_out", names | {"pretraining_seed": seed})
        for task in study.tasks:
            run = names | {"task": task, "pretraining_seed": seed}
            yield _job(plan, "search_finetuning", run)
            for rule, stop in product(("finetune", "score_runs"), stops):
                yield _job(plan, rule, run | {"stop": stop})


def _job(plan: Plan, rule: str, wildcards: Mapping[str, str], end: str = "") -> Job:
    """A job, whose time is kept below its rule, by its wildcards in the order of its paths."""
    names = "/".join(value for name, value in wildcards.items() if name != "stop")
    place = names + wildcards.get("stop", "") + end  # a stop begins with its slash, or is empty
    benchmark = f"{plan.study.results}/benchmarks/{rule}/{place}.tsv"
    return Job(rule, wildcards, benchmark)


def _first_lines(message: str, most: int = 20) -> str:
    return "\n".join(message.strip().splitlines()[:most])


def _jobs(dag: Any, *, on_gpus: bool) -> list[PlannedJob]:
    jobs = list(dag.jobs)
    numbers = {job: number for number, job in enumerate(jobs)}
    return [
        PlannedJob(
            rule=job.rule.name,
            wildcards=dict(job.wildcards_dict),
            runs=dag.needrun(job),
            after=tuple(sorted(numbers[other] for other in dag.dependencies[job])),
            threads=job.threads,
            gpus=_gpus(job) if on_gpus else 0,
            benchmark=str(job.benchmark) if job.benchmark else None,
        )
        for job in jobs
    ]


def _gpus(job: Any) -> int:
    gpus = job.resources.get("gpu", 0)
    if not isinstance(gpus, int):
        raise InputError(f"{job.rule.name}: `gpu` is a number, not {gpus!r}")
    return gpus
