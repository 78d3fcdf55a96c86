"""What a study will cost in all: by rule, in time on so many machines, and what it can find."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from maskpolicy.forecast.designs import Design, designs_of
from maskpolicy.forecast.jobs import PlannedJob, plan_jobs
from maskpolicy.forecast.need import Need, attempts_needed
from maskpolicy.forecast.rates import USUAL_RATES, Rates
from maskpolicy.forecast.rules import Forecast
from maskpolicy.forecast.schedule import Machines, Task, longest_chain, wall_time
from maskpolicy.records import JsonRecord
from maskpolicy.study.loading import load_study
from maskpolicy.study.plan import Plan

HOUR = 3600.0


class RuleForecast(JsonRecord):
    """What the jobs of a rule need: together, and the largest of them."""

    rule: str
    jobs: int
    gpu_hours: float
    cpu_hours: float
    longest: float  # hours of a job
    attempts: int  # in which a job ends that goes on in the next, at most
    memory: float  # MB of a job, at most
    gpu_memory: float  # likewise of the GPU's
    disk: float  # MB of all


class ChainLink(JsonRecord):
    """Jobs of a rule that wait for each other on the longest chain, and their hours."""

    rule: str
    jobs: int
    hours: float


class StudyForecast(JsonRecord):
    """What a study will cost: of the jobs that would run now."""

    study: str
    rates: Rates
    cores: int
    gpus: int
    profile: str | None  # that says how many of them a job is given; without it one
    rules: tuple[RuleForecast, ...]  # the dearest first
    hours: float  # until all has ended on these machines
    chain: tuple[ChainLink, ...]  # what no further machine would make shorter
    designs: tuple[Design, ...]
    assumed: dict[str, str]  # key of the configuration -> what was assumed of it

    @property
    def chain_hours(self) -> float:
        """Of the longest chain."""
        return sum(link.hours for link in self.chain)

    @property
    def kilowatt_hours(self) -> float:
        """Of cores and GPUs while they work, at what each is said to take."""
        return (
            sum(
                rule.gpu_hours * self.rates.gpu.watts + rule.cpu_hours * self.rates.cpu.watts
                for rule in self.rules
            )
            / 1000
        )


def forecast_study(
    configuration: Path,
    machines: Machines,
    rates: Rates = USUAL_RATES,
    profile: Path | None = None,
) -> StudyForecast:
    """Forecast what a study costs on some machines; with GPUs networks are on those, one a job, or
    as many as the `profile` of a cluster gives it.

    Raises InputError where the configuration is wrong, or a job gets more GPUs than there are.
    """
    plan = Plan(load_study(configuration))
    forecast = Forecast(plan, rates, gpu=machines.gpus > 0)
    on_cores = Forecast(plan, rates)
    jobs = plan_jobs(configuration, machines.cores, machines.gpus, profile=profile)
    needs = [
        (forecast if job.gpus else on_cores).need(
            job.rule, job.wildcards, job.threads, max(1, job.gpus)
        )
        for job in jobs
    ]
    tasks = tasks_of(jobs, needs)
    chain = longest_chain(tasks)
    links: list[ChainLink] = []
    for number in chain:
        rule, hours, before = jobs[number].rule, tasks[number].seconds / HOUR, 0
        if links and links[-1].rule == rule:
            last = links.pop()
            hours, before = hours + last.hours, last.jobs
        if jobs[number].runs:
            links.append(ChainLink(rule=rule, jobs=before + 1, hours=hours))
    return StudyForecast(
        study=plan.study.name,
        rates=rates,
        cores=machines.cores,
        gpus=machines.gpus,
        profile=str(profile) if profile else None,
        rules=tuple(by_rule(jobs, needs)),
        hours=wall_time(tasks, machines) / HOUR,
        chain=tuple(links),
        designs=tuple(designs_of(plan)),
        assumed=dict(sorted((on_cores.texts.assumed | forecast.texts.assumed).items())),
    )


def tasks_of(jobs: Sequence[PlannedJob], needs: Sequence[Need]) -> list[Task]:
    """The jobs to be scheduled; what need not run takes nothing."""
    return [
        Task(need.seconds, job.after, job.gpus if need.on_gpu else 0, job.threads)
        if job.runs
        else Task(0.0, job.after)
        for job, need in zip(jobs, needs, strict=True)
    ]


def by_rule(jobs: Sequence[PlannedJob], needs: Sequence[Need]) -> list[RuleForecast]:
    """The jobs that would run, by rule, the dearest first."""
    of_rule: dict[str, list[tuple[int, Need]]] = defaultdict(list)  # of each, what works for it
    for job, need in zip(jobs, needs, strict=True):
        if job.runs:
            of_rule[job.rule].append((job.gpus if need.on_gpu else job.threads, need))
    rules = [
        RuleForecast(
            rule=rule,
            jobs=len(some),
            gpu_hours=sum(gpus * need.seconds for gpus, need in some if need.on_gpu) / HOUR,
            cpu_hours=sum(cores * need.seconds for cores, need in some if not need.on_gpu) / HOUR,
            longest=max(need.seconds for _, need in some) / HOUR,
            attempts=max(attempts_needed(need) for _, need in some),
            memory=max(need.memory for _, need in some),
            gpu_memory=max(need.gpu_memory for _, need in some),
            disk=sum(need.disk for _, need in some),
        )
        for rule, some in of_rule.items()
    ]
    return sorted(rules, key=lambda rule: (rule.gpu_hours, rule.cpu_hours), reverse=True)
