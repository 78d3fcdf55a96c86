"""What the plan tells of the jobs of arms is what Snakemake plans."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.configurations import ROOT, path_of

from maskpolicy.forecast.actual import SHARED, _arms_of
from maskpolicy.forecast.jobs import Job, arm_jobs, plan_jobs
from maskpolicy.forecast.rules import ON_GPUS
from maskpolicy.study.loading import load_study
from maskpolicy.study.plan import Plan


@pytest.mark.parametrize("study", ["config", "reviews"])
def test_the_jobs_of_arms_are_those_that_snakemake_plans(folder, study):
    plan = Plan(load_study(path_of(study)))
    names = [arm.name for arm in plan.arms]
    planned = [
        Job(job.rule, job.wildcards, job.benchmark)
        for job in plan_jobs(path_of(study), 2)
        if job.benchmark and _arms_of(plan.study, job, names) not in ([SHARED], [])
    ]
    told = arm_jobs(plan)
    assert planned and all(job in told for job in planned)


def test_rules_that_ask_for_gpus_are_counted_on_them():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    asked = re.findall(r"^rule (\w+):(?:(?!^rule ).)*?^        gpu=", rules, re.M | re.S)
    assert set(asked) | {"pretrain_general"} == set(ON_GPUS)


def test_a_study_is_planned_where_an_event_loop_runs(folder):
    """As in a notebook."""

    async def planned():
        return plan_jobs(path_of("config"), 2)

    # In a thread: that of the tests may have a loop, which a browser's tests leave.
    with ThreadPoolExecutor(1) as notebook:
        assert notebook.submit(asyncio.run, planned()).result()
