# runs of all seeds -> paired tests -> result tables


rule collect_runs:
    input:
        runs=lambda w: tables[w.table].runs,
        searches=lambda w: tables[w.table].searches,
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
        "maskpolicy collect-runs --csv {output.csv:q} --arrow {output.arrow:q} {input.runs:q}"
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
        "maskpolicy test-significance --output {output:q} {input:q} 2>&1 | tee {log:q}"


rule score_majority:
    input:
        task="results/tasks/{task}/manifest.json",
    output:
        "results/majority/{task}.json",
    log:
        "results/logs/score_majority/{task}.log",
    benchmark:
        "results/benchmarks/score_majority/{task}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        task=subpath(input.task, parent=True),
        metrics=lambda w: [f"--metric {metric}" for metric in study.tasks[w.task].metrics],
    message:
        "Score the commonest answer of {wildcards.task}"
    shell:
        "maskpolicy score-majority --task {params.task:q} --task-name {wildcards.task:q}"
        " {params.metrics} --output {output:q} 2>&1 | tee {log:q}"


rule render_table:
    input:
        significance="results/tables/{table}.significance.json",
        majority=lambda w: expand("results/majority/{task}.json", task=tables[w.table].record.tasks),
        masks=lambda w: tables[w.table].masks,
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
        majority=lambda w, input: [f"--majority {path}" for path in input.majority],
        finetuning=lambda w: as_json(tables[w.table].finetuning),
        caption=lambda w: study.tables[w.table].caption or w.table,
        paper=lambda w: as_json(study.tables[w.table].paper),
    message:
        "Render {wildcards.table}"
    shell:
        "maskpolicy render-table --significance {input.significance:q} --folder {params.folder:q}"
        " {params.majority} --finetuning {params.finetuning:q}"
        " --name {wildcards.table:q} --caption {params.caption:q} --paper {params.paper:q} {input.masks:q}"
        " 2>&1 | tee {log:q}"
