# A controlled study of masking policies: from raw text to a significance-tested table.
# The default study is config.yaml; `--configfile other.yaml` replaces it as a whole.
from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/policies.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/analysis.smk"


# On a cluster these run beside Snakemake: they take seconds, and less than a job there takes to start.
localrules:
    check_contexts,
    check_metrics,
    collect_held_out,
    draw_costs,
    draw_general_stops,
    draw_learning_efficiency,
    draw_mask_sweep,
    render_table,


# A rule that does something runs every time, so that an unchanged study is shown again: without a
# job there is no `onsuccess`.
rule all:
    default_target: True
    input:
        expand("<results>/tables/{table}.md", table=study.tables),
        expand("<results>/analysis/{analysis}/manifest.json", analysis=study.variance),
        [tables.figures(table) for table in study.tables],
        "<results>/site",
    localrule: True
    message:
        "Show the tables"
    shell:
        ":"


onsuccess:
    forget_results(Path(study.results, "states"))
    # What this run made or found up to date: tables of other runs may lie beside them.
    files = {file for job in workflow.dag.jobs for file in job.output}
    made = [table for table in study.tables if f"{study.results}/tables/{table}.md" in files]
    if made:
        from maskpolicy.reporting.terminal import print_ways_on

        shell(
            "maskpolicy show-tables {paths:q}",
            paths=[f"{study.results}/tables/{t}.md" for t in made],
        )
        print_ways_on(list(ways_on(made, files)))


onerror:
    from maskpolicy.reporting.terminal import print_failures

    jobs = [
        job for failed in workflow.scheduler.failed for job in getattr(failed, "jobs", [failed])
    ]
    print_failures([(job.message or job.rule.name, list(job.log)) for job in jobs])
