# runs of all seeds -> paired tests -> result tables


def runs_of_arms(table, arms, stops):
    """The runs of some arms with every seed; a stop is empty, or that of a kept checkpoint."""
    return expand(
        "results/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}{stop}/seed-{seed}/metrics.json",
        model=table.model,
        stage=study.stage_of(table),
        policy=arms,
        task=table.tasks,
        pretraining_seed=study.seeds.pretraining,
        stop=stops,
        seed=study.seeds.finetuning,
    )


def runs_of_table(wildcards):
    table = study.tables[wildcards.table]
    return runs_of_arms(table, table.arms, [""])


def masks_of_table(wildcards):
    table = study.tables[wildcards.table]
    stage = study.intermediate[study.stage_of(table)]
    return [
        manifest
        for arm in table.arms
        if arm != NO_POLICY
        for manifest in stage_mask_manifests(stage, table.model, arm)
    ]


rule collect_runs:
    input:
        runs_of_table,
    output:
        csv="results/tables/{table}.runs.csv",
        arrow="results/tables/{table}.runs.arrow",
    log:
        "results/logs/collect_runs/{table}.log",
    benchmark:
        "results/benchmarks/collect_runs/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Collect the runs of {wildcards.table}"
    shell:
        "maskpolicy collect-runs --csv {output.csv:q} --arrow {output.arrow:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule test_significance:
    input:
        "results/tables/{table}.runs.arrow",
    output:
        "results/tables/{table}.significance.json",
    log:
        "results/logs/test_significance/{table}.log",
    benchmark:
        "results/benchmarks/test_significance/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Test the differences in {wildcards.table}"
    shell:
        "maskpolicy test-significance --output {output:q} {input:q}" " 2>&1 | tee {log:q}"


rule render_table:
    input:
        significance="results/tables/{table}.significance.json",
        masks=masks_of_table,
    output:
        multiext("results/tables/{table}", ".csv", ".md", ".tex", ".json", ".png"),
        svg=report(
            "results/tables/{table}.svg",
            caption="../report/scores.rst",
            category="{table}",
            labels={"shows": "scores"},
        ),
        html=report(
            "results/tables/{table}.html",
            caption="../report/table.rst",
            category="{table}",
            labels={"shows": "table"},
        ),
    log:
        "results/logs/render_table/{table}.log",
    benchmark:
        "results/benchmarks/render_table/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.html, parent=True),
        caption=lambda w: study.tables[w.table].caption or w.table,
        paper=lambda w: json.dumps(study.tables[w.table].paper),
    message:
        "Render {wildcards.table}"
    shell:
        "maskpolicy render-table --significance {input.significance:q} --folder {params.folder:q}"
        " --name {wildcards.table:q} --caption {params.caption:q} --paper {params.paper:q} {input.masks:q}"
        " 2>&1 | tee {log:q}"
