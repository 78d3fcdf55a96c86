# sources of downstream tasks -> train, dev and test splits


def task_documents(wildcards):
    """The documents of a QA task's corpus, without suffix; classification tasks have none."""
    corpus = getattr(study.tasks[wildcards.task], "corpus", None)
    return [f"results/corpora/{corpus}/documents"] if corpus else []


rule prepare_task:
    input:
        lambda w: [f"{documents}.json" for documents in task_documents(w)],
    output:
        multiext("results/tasks/{task}/", "train.arrow", "dev.arrow", "test.arrow"),
        manifest="results/tasks/{task}/manifest.json",
    log:
        "results/logs/prepare_task/{task}.log",
    benchmark:
        "results/benchmarks/prepare_task/{task}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.manifest, parent=True),
        documents=lambda w: [f"--documents {d}.arrow" for d in task_documents(w)],
        task=lambda w: study.tasks[w.task].model_dump_json(exclude={"finetuning", "generation"}),
    message:
        "Prepare the task {wildcards.task}"
    shell:
        "maskpolicy prepare-task --task {params.task:q} {params.documents}"
        " --output {params.folder:q}"
        " 2>&1 | tee {log:q}"
