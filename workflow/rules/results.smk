# runs of all seeds -> paired tests -> result tables


rule collect_runs:
    input:
        lambda w: tables[w.table].runs,
    output:
        csv="<results>/tables/{table}.runs.csv",
        arrow="<results>/tables/{table}.runs.arrow",
    log:
        "<logs>/collect_runs/{table}.log",
    benchmark:
        "<benchmarks>/collect_runs/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Collect the runs of {wildcards.table}"
    shell:
        "maskpolicy collect-runs --csv {output.csv:q} --arrow {output.arrow:q} {input:q}"
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
    message:
        "Test the differences in {wildcards.table}"
    shell:
        "maskpolicy test-significance --output {output:q} {input:q} 2>&1 | tee {log:q}"


rule render_table:
    input:
        significance="<results>/tables/{table}.significance.json",
        cuts=lambda w: tables[w.table].cuts,
        masks=lambda w: tables[w.table].masks,
    output:
        multiext("<results>/tables/{table}", ".csv", ".md", ".tex", ".json", ".png"),
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
        cuts=lambda w, input: [f"--cuts={path}" for path in input.cuts],
        caption=lambda w: study.tables[w.table].caption or w.table,
        paper=lambda w: as_json(study.tables[w.table].paper),
    message:
        "Render {wildcards.table}"
    shell:
        "maskpolicy render-table --significance {input.significance:q} --folder {params.folder:q}"
        " {params.cuts:q}"
        " --name {wildcards.table:q} --caption {params.caption:q} --paper {params.paper:q} {input.masks:q}"
        " 2>&1 | tee {log:q}"
