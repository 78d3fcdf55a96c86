# task splits + checkpoint -> the networks that learned policies decide with


# No network depends on it, or it would be trained again where this is added: it is only early.
rule check_contexts:
    input:
        lambda w: f"<results>/tasks/{study.networks[w.network].task}/manifest.json",
    output:
        "<results>/networks/{network}.contexts.json",
    log:
        "<logs>/check_contexts/{network}.log",
    benchmark:
        "<benchmarks>/check_contexts/{network}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(input[0], parent=True),
        task=lambda w: study.networks[w.network].task,
    message:
        "Check that {wildcards.network} has contexts to learn from"
    shell:
        "maskpolicy check-contexts --task {params.folder:q} --task-name {params.task:q}"
        " --network {wildcards.network:q} --output {output:q} 2>&1 | tee {log:q}"


# The weights lie beside the manifest, which lists them; their names depend on the method.
rule train_policy:
    input:
        checkpoint=lambda w: plan.first_start(study.networks[w.network]).manifest,
        task=lambda w: f"<results>/tasks/{study.networks[w.network].task}/manifest.json",
        oracle=lambda w: study.files_read("networks", w.network),
    output:
        manifest="<results>/networks/{network}/manifest.json",
        curve=report(
            "<results>/networks/{network}/learning-curve.svg",
            caption="../report/learning_curve.rst",
            category="learned policies",
            labels={"policy": "{network}"},
        ),
    log:
        "<logs>/train_policy/{network}.log",
    benchmark:
        "<benchmarks>/train_policy/{network}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
    params:
        checkpoint=lambda w: plan.first_start(study.networks[w.network]).folder,
        task=subpath(input.task, parent=True),
        tokenizer=lambda w: plan.tokenizer(study.networks[w.network].model),
        training=lambda w: as_json(study.networks[w.network]),
        seed=study.seeds.policies,
        # Outside the declared outputs: Snakemake deletes those when a job fails.
        state=lambda w: plan.state("networks", w.network),
        folder=subpath(output.manifest, parent=True),
    message:
        "Train the policy network {wildcards.network}"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy train-policy --task {params.task:q} --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --training {params.training:q} --seed {params.seed}"
        " --title {wildcards.network:q} --state {params.state:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"
