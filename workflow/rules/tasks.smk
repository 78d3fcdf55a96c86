# sources of downstream tasks -> train, dev and test splits


rule prepare_task:
    input:
        lambda w: study.files_read("tasks", w.task),
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
    params:
        folder=subpath(output.manifest, parent=True),
        # Without what it is not made with: a metric more must not train anything again.
        task=lambda w: study.tasks[w.task].model_dump_json(
            exclude={"finetuning", "generation", "metrics"}
        ),
    message:
        "Prepare the task {wildcards.task}"
    shell:
        "maskpolicy prepare-task --task {params.task:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"
