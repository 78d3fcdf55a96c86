# initial checkpoint -> general pre-training -> intermediate pre-training -> fine-tuning


def masks_folder(corpus, policy=None):
    """The folder of the masks of a whole corpus; the policy is the wildcard's unless it is given."""

    def folder(wildcards):
        tokenizer = study.models[wildcards.model].tokenizer
        return f"results/masks/{corpus}/{tokenizer}/{policy or wildcards.policy}"

    return folder


def mask_manifests(corpus, policy=None):
    """The masks of a whole corpus, as the input of a pre-training stage."""
    folder = masks_folder(corpus, policy)
    return lambda wildcards: [f"{folder(wildcards)}/shard-{i}.json" for i in shards(corpus)]


def token_shards(corpus):
    """The token shards of a whole corpus, as arguments."""

    def paths(wildcards):
        tokenizer = study.models[wildcards.model].tokenizer
        return [f"results/corpora/{corpus}/{tokenizer}/shard-{i}.arrow" for i in shards(corpus)]

    return paths


def start_of_intermediate(wildcards):
    """The checkpoint that every arm starts from."""
    stage = "general" if study.general else "initial"
    return (
        f"results/models/{wildcards.model}/{stage}/seed-{wildcards.pretraining_seed}/manifest.json"
    )


def checkpoint_of_arm(wildcards):
    """The checkpoint that an arm is fine-tuned from."""
    if wildcards.policy == NO_POLICY:
        return start_of_intermediate(wildcards)
    return (
        f"results/models/{wildcards.model}/{study.intermediate.corpus}/{wildcards.policy}"
        f"/seed-{wildcards.pretraining_seed}/manifest.json"
    )


rule initialise_model:
    input:
        tokenizer=lambda w: f"{model_tokenizer(w.model)}/tokenizer.json",
    output:
        weights="results/models/{model}/initial/seed-{pretraining_seed}/model.safetensors",
        manifest="results/models/{model}/initial/seed-{pretraining_seed}/manifest.json",
    log:
        "results/logs/initialise_model/{model}.{pretraining_seed}.log",
    benchmark:
        "results/benchmarks/initialise_model/{model}.{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        tokenizer=subpath(input.tokenizer, parent=True),
        model=lambda w: as_json(study.models[w.model]),
        folder=subpath(output.manifest, parent=True),
    message:
        "Make the initial checkpoint of {wildcards.model}"
    shell:
        "maskpolicy initialise-model --model {params.model:q} --tokenizer {params.tokenizer:q}"
        " --seed {wildcards.pretraining_seed} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


if study.general:

    rule pretrain_general:
        input:
            checkpoint="results/models/{model}/initial/seed-{pretraining_seed}/manifest.json",
            masks=mask_manifests(study.general.corpus, study.general.policy),
        output:
            weights="results/models/{model}/general/seed-{pretraining_seed}/model.safetensors",
            manifest="results/models/{model}/general/seed-{pretraining_seed}/manifest.json",
        log:
            "results/logs/pretrain_general/{model}.{pretraining_seed}.log",
        benchmark:
            "results/benchmarks/pretrain_general/{model}.{pretraining_seed}.tsv"
        conda:
            "../../envs/maskpolicy.yaml"
        params:
            checkpoint=subpath(input.checkpoint, parent=True),
            tokenizer=lambda w: model_tokenizer(w.model),
            shards=token_shards(study.general.corpus),
            masks=masks_folder(study.general.corpus, study.general.policy),
            objective=as_json(study.policy(study.general.policy).objective),
            stage=as_json(study.general.stage),
            folder=subpath(output.manifest, parent=True),
        message:
            "Pre-train {wildcards.model} (general, seed {wildcards.pretraining_seed})"
        shell:
            "maskpolicy pretrain --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
            " --masks {params.masks:q} --objective {params.objective:q}"
            " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
            " --title general --output {params.folder:q} {params.shards:q}"
            " 2>&1 | tee {log:q}"


rule pretrain_intermediate:
    input:
        checkpoint=start_of_intermediate,
        masks=mask_manifests(study.intermediate.corpus),
    output:
        weights="results/models/{model}/{corpus}/{policy}/seed-{pretraining_seed}/model.safetensors",
        manifest="results/models/{model}/{corpus}/{policy}/seed-{pretraining_seed}/manifest.json",
    log:
        "results/logs/pretrain_intermediate/{model}.{corpus}.{policy}.{pretraining_seed}.log",
    benchmark:
        "results/benchmarks/pretrain_intermediate/{model}.{corpus}.{policy}.{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=subpath(input.checkpoint, parent=True),
        tokenizer=lambda w: model_tokenizer(w.model),
        shards=token_shards(study.intermediate.corpus),
        masks=masks_folder(study.intermediate.corpus),
        objective=lambda w: as_json(study.policy(w.policy).objective),
        stage=as_json(study.intermediate),
        folder=subpath(output.manifest, parent=True),
    message:
        "Pre-train {wildcards.model} on {wildcards.corpus} with {wildcards.policy}"
    shell:
        "maskpolicy pretrain --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --masks {params.masks:q} --objective {params.objective:q}"
        " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
        " --title {wildcards.policy:q} --output {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"


rule search_finetuning:
    input:
        checkpoint=checkpoint_of_arm,
        task="results/tasks/{task}/manifest.json",
    output:
        "results/runs/{model}/{policy}/{task}/pretraining-{pretraining_seed}/search.json",
    log:
        "results/logs/search_finetuning/{model}.{policy}.{task}.{pretraining_seed}.log",
    benchmark:
        "results/benchmarks/search_finetuning/{model}.{policy}.{task}.{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=subpath(input.checkpoint, parent=True),
        tokenizer=lambda w: model_tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=as_json(study.finetuning),
        generation=as_json(study.generation),
        metric=lambda w: study.tasks[w.task].metrics[0],
        seed=study.seeds.finetuning[0],
    message:
        "Search the learning rate of {wildcards.task} after {wildcards.policy}"
    shell:
        "maskpolicy search-finetuning --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --task {params.task:q}"
        " --finetuning {params.finetuning:q} --generation {params.generation:q}"
        " --metric {params.metric:q} --seed {params.seed} --title {wildcards.policy:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule finetune:
    input:
        checkpoint=checkpoint_of_arm,
        task="results/tasks/{task}/manifest.json",
        search="results/runs/{model}/{policy}/{task}/pretraining-{pretraining_seed}/search.json",
    output:
        metrics="results/runs/{model}/{policy}/{task}/pretraining-{pretraining_seed}/seed-{seed}/metrics.json",
        predictions="results/runs/{model}/{policy}/{task}/pretraining-{pretraining_seed}/seed-{seed}/predictions.arrow",
    log:
        "results/logs/finetune/{model}.{policy}.{task}.{pretraining_seed}.{seed}.log",
    benchmark:
        "results/benchmarks/finetune/{model}.{policy}.{task}.{pretraining_seed}.{seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=subpath(input.checkpoint, parent=True),
        tokenizer=lambda w: model_tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=as_json(study.finetuning),
        generation=as_json(study.generation),
        metrics=lambda w: [f"--metric {metric}" for metric in study.tasks[w.task].metrics],
        folder=subpath(output.metrics, parent=True),
    message:
        "Fine-tune on {wildcards.task} after {wildcards.policy}, seed {wildcards.seed}"
    shell:
        "maskpolicy finetune --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --task {params.task:q} --search {input.search:q} --finetuning {params.finetuning:q}"
        " --generation {params.generation:q} {params.metrics} --model-name {wildcards.model:q}"
        " --policy {wildcards.policy:q} --task-name {wildcards.task:q}"
        " --pretraining-seed {wildcards.pretraining_seed} --seed {wildcards.seed}"
        " --output {params.folder:q}"
        " 2>&1 | tee {log:q}"
