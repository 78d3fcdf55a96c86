"""The jobs of a study, as Snakemake plans them."""

import io
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskpolicy.errors import InputError


@dataclass(frozen=True)
class PlannedJob:
    """A job: its rule and wildcards, whether it would run, and what it waits for."""

    rule: str
    wildcards: Mapping[str, str]
    runs: bool
    after: tuple[int, ...]  # numbers of the jobs that make its inputs
    threads: int
    gpus: int  # that it is given, where networks are on GPUs
    benchmark: str | None  # the file that says how long it took, there or not


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
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_args
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        # What profiles say, that beside the Snakefile too: when a job runs again, what it is given.
        asked = ["--snakefile", str(snakefile), "--configfile", str(configuration)]
        try:
            _, given = parse_args([*asked, *(["--profile", str(profile)] if profile else [])])
        except SystemExit:
            raise InputError(_first_lines(said.getvalue())) from None
        output = OutputSettings(dryrun=True, quiet={Quietness.ALL})
        with SnakemakeApi(output) as api:
            try:
                workflow = api.workflow(
                    resource_settings=ResourceSettings(
                        cores=cores,
                        resources={"gpu": gpus} if gpus else {},
                        overwrite_threads=given.set_threads,
                        overwrite_resources=given.set_resources,
                    ),
                    config_settings=ConfigSettings(configfiles=[configuration]),
                    snakefile=snakefile,
                )
                settings = DAGSettings(
                    rerun_triggers=given.rerun_triggers,
                    max_checksum_file_size=given.max_checksum_file_size,
                )
                # Of all that builds the graph of jobs and runs none it prints the least.
                workflow.dag(settings).printrulegraph()
            except Exception as error:  # of many kinds, from rules or from Snakemake
                raise InputError(_first_lines(str(error))) from None
            return _jobs(workflow._workflow.dag, on_gpus=gpus > 0)


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
            gpus=_gpus(job.rule.resources) if on_gpus else 0,
            benchmark=str(job.benchmark) if job.benchmark else None,
        )
        for job in jobs
    ]


def _gpus(resources: Any) -> int:
    asked = resources.get("gpu")
    if asked is None:
        return 0
    return 1 if asked.is_evaluable() else int(asked.value or 0)
