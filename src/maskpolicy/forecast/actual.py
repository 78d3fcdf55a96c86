"""What a study cost, beside what was forecast: by rule and by arm, from Snakemake's benchmarks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from maskpolicy.analysis.benchmarks import read_benchmark, read_core_time
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError
from maskpolicy.forecast.jobs import Job, PlannedJob, arm_jobs, plan_jobs
from maskpolicy.forecast.rates import USUAL_RATES, Rates
from maskpolicy.forecast.rules import ON_GPUS, TRAINED_TOGETHER, Forecast
from maskpolicy.forecast.schedule import Machines
from maskpolicy.forecast.summary import HOUR
from maskpolicy.records import JsonRecord
from maskpolicy.study.loading import load_study
from maskpolicy.study.plan import Plan
from maskpolicy.study.records import StudyRecords

SHARED = "(all arms)"
"""In place of an arm: what is made for all of them."""


class RuleCost(JsonRecord):
    """The jobs of a rule that were measured."""

    rule: str
    jobs: int
    forecast: float  # hours of all of them
    measured: float  # likewise


class ArmCost(JsonRecord):
    """What was measured of an arm, in all stages and with all seeds, of all processors it used.

    Masks and networks that arms share count for each of them: it would have needed them alone.
    """

    arm: str
    gpu_hours: float
    cpu_hours: float
    kilowatt_hours: float


class StudyCost(JsonRecord):
    """What a study cost, as far as it has run."""

    study: str
    rates: Rates
    gpu: bool
    rules: tuple[RuleCost, ...]  # the dearest first
    arms: tuple[ArmCost, ...]  # in the order of the study


_J = TypeVar("_J", bound=Job)


@dataclass(frozen=True)
class _Measured(Generic[_J]):
    """A job that has run, and the seconds that it took: it, and its processors together.

    `processes`: how many it had, each with a GPU if it ran on any.
    """

    job: _J
    on_gpu: bool
    seconds: float
    processor_seconds: float
    processes: int


def study_cost(configuration: Path, machines: Machines, rates: Rates = USUAL_RATES) -> StudyCost:
    """What the jobs of a study took that have run, on machines as these.

    Of one that was interrupted only the last part was measured. Raises InputError where the
    configuration is wrong, ArtefactError naming a damaged benchmark or manifest.
    """
    plan = Plan(load_study(configuration))
    forecast = Forecast(plan, rates, gpu=machines.gpus > 0)
    jobs = plan_jobs(configuration, machines.cores)
    measured = list(_measured(plan, jobs, Path, gpu=forecast.gpu))
    return StudyCost(
        study=plan.study.name,
        rates=rates,
        gpu=forecast.gpu,
        rules=tuple(_by_rule(forecast, measured)),
        arms=tuple(_by_arm(plan, measured, rates)),
    )


def arm_costs(
    plan: Plan, at: Callable[[str], Path], *, gpu: bool, rates: Rates = USUAL_RATES
) -> dict[str, ArmCost]:
    """What was measured of each arm of a study, from its results alone; planned paths are `at`.

    `gpu`: whether networks ran on GPUs. Raises ArtefactError as :func:`study_cost`.
    """
    measured = list(_measured(plan, arm_jobs(plan), at, gpu=gpu))
    return {cost.arm: cost for cost in _by_arm(plan, measured, rates)}


def _measured(
    plan: Plan, jobs: Iterable[_J], at: Callable[[str], Path], *, gpu: bool
) -> Iterator[_Measured[_J]]:
    for job in jobs:
        if job.benchmark and (benchmark := at(job.benchmark)).exists():
            on_gpu = gpu and job.rule in ON_GPUS
            seconds, processes = read_benchmark(benchmark), _processes(plan, job, at)
            # Not the cores that it was given: how many those were, the results don't say.
            used = processes * seconds if on_gpu else read_core_time(benchmark, processes)
            yield _Measured(job, on_gpu, seconds, used, processes)


def _processes(plan: Plan, job: Job, at: Callable[[str], Path]) -> int:
    """In how many a pre-training ended, as its checkpoint says where it is still there."""
    if job.rule not in TRAINED_TOGETHER:
        return 1
    model, seed = job.wildcards["model"], job.wildcards["pretraining_seed"]
    checkpoint = plan.start(model, seed, "general")
    if stage := job.wildcards.get("stage"):
        checkpoint = plan.checkpoint_of_arm(model, seed, stage, job.wildcards["policy"])
    manifest = at(checkpoint.manifest)
    if not manifest.exists():
        return 1
    try:
        return int(read_json(manifest).get("processes", 1))
    except (AttributeError, TypeError, ValueError):
        raise ArtefactError(f"{manifest} does not say how many processes trained") from None


def _by_rule(forecast: Forecast, measured: Sequence[_Measured[PlannedJob]]) -> list[RuleCost]:
    of_rule: dict[str, list[_Measured[PlannedJob]]] = defaultdict(list)
    for one in measured:
        of_rule[one.job.rule].append(one)
    rules = [
        RuleCost(
            rule=rule,
            jobs=len(some),
            forecast=sum(
                forecast.need(rule, one.job.wildcards, one.job.threads, one.processes).seconds
                for one in some
            )
            / HOUR,
            measured=sum(one.seconds for one in some) / HOUR,
        )
        for rule, some in of_rule.items()
    ]
    return sorted(rules, key=lambda rule: rule.measured, reverse=True)


def _by_arm(plan: Plan, measured: Sequence[_Measured[_J]], rates: Rates) -> Iterator[ArmCost]:
    names = list(dict.fromkeys(arm.name for arm in plan.arms))
    of_arm: dict[str, list[_Measured[_J]]] = {name: [] for name in [SHARED, *names]}
    for one in measured:
        for arm in _arms_of(plan.study, one.job, names):
            of_arm[arm].append(one)
    for arm, some in of_arm.items():
        if some:
            on_gpu = sum(one.processor_seconds for one in some if one.on_gpu) / HOUR
            cores = sum(one.processor_seconds for one in some if not one.on_gpu) / HOUR
            yield ArmCost(
                arm=arm,
                gpu_hours=on_gpu,
                cpu_hours=cores,
                kilowatt_hours=(on_gpu * rates.gpu.watts + cores * rates.cpu.watts) / 1000,
            )


def _arms_of(study: StudyRecords, job: Job, names: Sequence[str]) -> list[str]:
    """The arms that a job was run for."""
    if job.rule == "match_corpus":
        return [name for name in names if name == job.wildcards["policy"] + CONTROL]
    if job.rule in ("mask_corpus", "mask_shard"):
        return [name for name in names if policy_of(name) == job.wildcards["policy"]]
    if network := job.wildcards.get("network"):
        return [
            name
            for name in names
            if name != NO_POLICY and network in study.policy(name).decide.networks
        ]
    arm = job.wildcards.get("policy")
    return [name for name in names if name == arm] if arm else [SHARED]
