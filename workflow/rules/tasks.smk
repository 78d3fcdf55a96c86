# sources of downstream tasks (+ the knowledge that their contexts stand in) -> train, dev and test splits


rule index_knowledge:
    output:
        index="<results>/knowledge/{knowledge}.arrow",
        manifest="<results>/knowledge/{knowledge}.json",
    log:
        "<logs>/index_knowledge/{knowledge}.log",
    benchmark:
        "<benchmarks>/index_knowledge/{knowledge}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        file=lambda w: study.knowledge[w.knowledge].path,
        # In place of an input: Snakemake would read all of it, tens of gigabytes, once more.
        content=lambda w: [*map(fingerprint, map(Path, study.files_read("knowledge", w.knowledge)))],
    message:
        "Index the pages of {wildcards.knowledge}"
    shell:
        "maskpolicy index-knowledge {params.file:q} --output {output.index:q} 2>&1 | tee {log:q}"


rule prepare_task:
    input:
        lambda w: study.files_read("tasks", w.task),
        knowledge=lambda w: plan.knowledge(w.task, "json"),
    output:
        multiext("<results>/tasks/{task}/", "train.arrow", "dev.arrow", "test.arrow"),
        manifest="<results>/tasks/{task}/manifest.json",
    log:
        "<logs>/prepare_task/{task}.log",
    benchmark:
        "<benchmarks>/prepare_task/{task}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        folder=subpath(output.manifest, parent=True),
        # Without what it is not made with: a metric more must not train anything again.
        task=lambda w: study.tasks[w.task].model_dump_json(
            exclude={"finetuning", "generation", "metrics"}
        ),
        knowledge=lambda w: [f"--knowledge={path}" for path in plan.knowledge(w.task)],
    message:
        "Prepare the task {wildcards.task}"
    shell:
        "maskpolicy prepare-task --task {params.task:q} --output {params.folder:q}"
        " {params.knowledge:q}"
        " 2>&1 | tee {log:q}"


# Like a table it is for people: nothing is trained, scored or tested by it.
rule report_leaks:
    input:
        task="<results>/tasks/{task}/manifest.json",
        documents=lambda w: f"{plan.documents(w.corpus)}.json",
    output:
        "<results>/leaks/{task}/{corpus}.json",
    log:
        "<logs>/report_leaks/{task}/{corpus}.log",
    benchmark:
        "<benchmarks>/report_leaks/{task}/{corpus}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        task=subpath(input.task, parent=True),
        documents=subpath(input.documents, strip_suffix=".json"),
    message:
        "Count what {wildcards.corpus} gives away of {wildcards.task}"
    shell:
        "maskpolicy report-leaks --documents {params.documents:q} --corpus {wildcards.corpus:q}"
        " --task {params.task:q} --task-name {wildcards.task:q} --output {output:q}"
        " 2>&1 | tee {log:q}"
