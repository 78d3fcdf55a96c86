# sources of downstream tasks -> train, dev and test splits


rule prepare_task:
    output:
        multiext("results/tasks/{task}/", "train.arrow", "dev.arrow", "test.arrow"),
        manifest="results/tasks/{task}/manifest.json",
    log:
        "results/logs/prepare_task/{task}.log",
    benchmark:
        "results/benchmarks/prepare_task/{task}.tsv"
    priority: 1  # so that `check_metrics` is early
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
