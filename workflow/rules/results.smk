# predictions -> scores -> runs of all seeds -> paired tests -> result tables


def metrics_of(task):
    return [f"--metric {metric}" for metric in study.tasks[task].metrics]


# Nothing that is trained depends on it, or a metric more would train it again: it is only early.
rule check_metrics:
    input:
        "<results>/tasks/{task}/manifest.json",
    output:
        checked="<results>/tasks/{task}.metrics.json",
        majority="<results>/majority/{task}.json",
    log:
        "<logs>/check_metrics/{task}.log",
    benchmark:
        "<benchmarks>/check_metrics/{task}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        task=subpath(input[0], parent=True),
        metrics=lambda w: metrics_of(w.task),
    message:
        "Check that the metrics of {wildcards.task} can score its answers"
    shell:
        "maskpolicy check-metrics --task {params.task:q} --task-name {wildcards.task:q}"
        " {params.metrics} --output {output.checked:q} --majority {output.majority:q}"
        " 2>&1 | tee {log:q}"


# The runs of all fine-tuning seeds in one job, because a job takes longer to start than to score. Not
# of pre-training seeds too: who wants one result would train them all.
rule score_runs:
    input:
        predictions=of_each_seed("manifest.json"),
        checked="<results>/tasks/{task}.metrics.json",
    output:
        of_each_seed("metrics.json"),
        of_each_seed("statistics.arrow"),
    log:
        "<logs>/score_runs/{model}/{stage}/{policy}/{task}/{pretraining_seed}{stop}.log",
    benchmark:
        "<benchmarks>/score_runs/{model}/{stage}/{policy}/{task}/{pretraining_seed}{stop}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        metrics=lambda w: metrics_of(w.task),
    message:
        "Score {wildcards.policy} on {wildcards.task}"
    shell:
        "maskpolicy score-runs {params.metrics} {input.predictions:q} 2>&1 | tee {log:q}"


# A file, because the paths may be more than an argument may hold.
rule list_files:
    output:
        "<results>/tables/{table}.files.json",
    localrule: True
    params:
        # Not the files themselves, which a plan would print when they change.
        digest=lambda w: sha256(as_json(tables[w.table].files).encode()).hexdigest(),
    message:
        "List what {wildcards.table} is made of"
    run:
        tables[wildcards.table].files.write(Path(output[0]))


rule collect_runs:
    input:
        runs=lambda w: tables[w.table].runs,
        files="<results>/tables/{table}.files.json",
        searches=lambda w: tables[w.table].searches,
        tests=lambda w: tables[w.table].test_splits.values(),
    output:
        csv="<results>/tables/{table}.runs.csv",
        arrow="<results>/tables/{table}.runs.arrow",
    log:
        "<logs>/collect_runs/{table}.log",
    benchmark:
        "<benchmarks>/collect_runs/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    message:
        "Collect the runs of {wildcards.table}"
    shell:
        "maskpolicy collect-runs --csv {output.csv:q} --arrow {output.arrow:q} {input.files:q}"
        " 2>&1 | tee {log:q}"


rule test_significance:
    input:
        "<results>/tables/{table}.runs.arrow",
    output:
        "<results>/tables/{table}.significance.json",
    log:
        "<logs>/test_significance/{table}.log",
    benchmark:
        "<benchmarks>/test_significance/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        compared=lambda w: tables[w.table].compared,
    message:
        "Test the differences in {wildcards.table}"
    shell:
        "maskpolicy test-significance {params.compared:q} --output {output:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule render_table:
    input:
        significance="<results>/tables/{table}.significance.json",
        cuts=lambda w: [path for of_block in tables[w.table].cuts for path in of_block],
        majorities=lambda w: tables[w.table].majorities,
        masks=lambda w: tables[w.table].masks,
        contexts=lambda w: tables[w.table].contexts,
        leaks=lambda w: tables[w.table].leaks,
        files="<results>/tables/{table}.files.json",
    output:
        multiext(
            "<results>/tables/{table}", ".csv", ".comparisons.csv", ".md", ".tex", ".json", ".png"
        ),
        svg=report(
            "<results>/tables/{table}.svg",
            caption="../report/scores.rst",
            category="{table}",
            labels={"shows": "scores"},
        ),
        html=report(
            "<results>/tables/{table}.html",
            caption="../report/table.rst",
            category="{table}",
            labels={"shows": "table"},
        ),
    log:
        "<logs>/render_table/{table}.log",
    benchmark:
        "<benchmarks>/render_table/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.html, parent=True),
        finetuning=lambda w: as_json(tables[w.table].finetuning),
        caption=lambda w: study.tables[w.table].caption or w.table,
        blocks=lambda w: as_json(tables[w.table].shown),
        provenance=f"{study.results}/{PROVENANCE}",  # no input: a start makes nothing again
    message:
        "Render {wildcards.table}"
    shell:
        "maskpolicy render-table --significance {input.significance:q} --folder {params.folder:q}"
        " --finetuning {params.finetuning:q} --name {wildcards.table:q}"
        " --caption {params.caption:q} --blocks {params.blocks:q}"
        " --provenance {params.provenance:q} {input.files:q}"
        " 2>&1 | tee {log:q}"


# On this machine: it reads the results as a whole, the configuration of this run among them.
rule build_site:
    input:
        expand("<results>/tables/{table}.html", table=study.tables),
        expand("<results>/analysis/{analysis}/manifest.json", analysis=study.variance),
        [tables.figures(table) for table in study.tables],
    output:
        report(
            directory("<results>/site"),
            htmlindex="index.html",
            caption="../report/site.rst",
            category="the study",
            labels={"shows": "all of it"},
        ),
    log:
        "<logs>/build_site.log",
    benchmark:
        "<benchmarks>/build_site.tsv"
    localrule: True
    params:
        results=study.results,
        digest=sha256(as_json(configuration).encode()).hexdigest(),
    message:
        "Build the site"
    shell:
        "maskpolicy build-site {params.results:q} --output {output:q} 2>&1 | tee {log:q}"
