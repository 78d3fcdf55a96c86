# initial checkpoint -> general pre-training -> intermediate pre-training -> fine-tuning


def stage_masks(stage, model, policy):
    """The folder of the masks that a pre-training stage reads."""
    return f"results/masks/{stage.corpus}/{study.models[model].tokenizer}/{policy}"


def stage_mask_manifests(stage, model, policy):
    """The masks of the whole corpus of a stage, as its input."""
    folder = stage_masks(stage, model, policy)
    return [f"{folder}/shard-{i}.json" for i in shards(stage.corpus)]


def start_of_intermediate(wildcards):
    """The checkpoint that every arm starts from."""
    start = study.start_of(study.intermediate[wildcards.stage])
    return start_manifest(wildcards.model, wildcards.pretraining_seed, start)


def folder_of_start(wildcards):
    """The folder of that checkpoint."""
    start = study.start_of(study.intermediate[wildcards.stage])
    return start_folder(wildcards.model, wildcards.pretraining_seed, start)


def checkpoint_of_arm(wildcards):
    """The checkpoint that an arm is fine-tuned from."""
    if wildcards.policy == NO_POLICY:
        return start_of_intermediate(wildcards)
    return (
        f"results/models/{wildcards.model}/{wildcards.stage}/{wildcards.policy}"
        f"/seed-{wildcards.pretraining_seed}/manifest.json"
    )


def folder_of_arm(wildcards):
    """The folder of that checkpoint, or of one that its stage kept on its way."""
    if wildcards.policy == NO_POLICY:
        return folder_of_start(wildcards)
    return os.path.dirname(checkpoint_of_arm(wildcards)) + wildcards.get("stop", "")


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
            masks=lambda w: stage_mask_manifests(study.general, w.model, study.general.policy),
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
            shards=lambda w: token_shards(study.general.corpus, w.model),
            masks=lambda w: stage_masks(study.general, w.model, study.general.policy),
            objective=as_json(study.policy(study.general.policy).objective),
            copies=study.policy(study.general.policy).copies,
            stage=as_json(study.general.stage),
            # Outside the declared outputs: Snakemake deletes those when a job fails.
            state="results/states/{model}.general.{pretraining_seed}",
            folder=subpath(output.manifest, parent=True),
        message:
            "Pre-train {wildcards.model} (general, seed {wildcards.pretraining_seed})"
        shell:
            "maskpolicy pretrain --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
            " --masks {params.masks:q} --objective {params.objective:q} --copies {params.copies}"
            " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
            " --title general --state {params.state:q} --output {params.folder:q} {params.shards:q}"
            " 2>&1 | tee {log:q}"


rule pretrain_intermediate:
    input:
        checkpoint=start_of_intermediate,
        masks=lambda w: stage_mask_manifests(study.intermediate[w.stage], w.model, w.policy),
    output:
        weights="results/models/{model}/{stage}/{policy}/seed-{pretraining_seed}/model.safetensors",
        manifest="results/models/{model}/{stage}/{policy}/seed-{pretraining_seed}/manifest.json",
    log:
        "results/logs/pretrain_intermediate/{model}.{stage}.{policy}.{pretraining_seed}.log",
    benchmark:
        "results/benchmarks/pretrain_intermediate/{model}.{stage}.{policy}.{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=folder_of_start,
        tokenizer=lambda w: model_tokenizer(w.model),
        shards=lambda w: token_shards(study.intermediate[w.stage].corpus, w.model),
        masks=lambda w: stage_masks(study.intermediate[w.stage], w.model, w.policy),
        objective=lambda w: as_json(study.policy(w.policy).objective),
        copies=lambda w: study.policy(w.policy).copies,
        stage=lambda w: as_json(study.intermediate[w.stage].stage),
        state="results/states/{model}.{stage}.{policy}.{pretraining_seed}",
        folder=subpath(output.manifest, parent=True),
    message:
        "Pre-train {wildcards.model} ({wildcards.stage}) with {wildcards.policy}"
    shell:
        "maskpolicy pretrain --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --masks {params.masks:q} --objective {params.objective:q} --copies {params.copies}"
        " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
        " --title {wildcards.policy:q} --state {params.state:q} --output {params.folder:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"


rule search_finetuning:
    input:
        checkpoint=checkpoint_of_arm,
        task="results/tasks/{task}/manifest.json",
    output:
        "results/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}/search.json",
    log:
        "results/logs/search_finetuning/{model}.{stage}.{policy}.{task}.{pretraining_seed}.log",
    benchmark:
        "results/benchmarks/search_finetuning/{model}.{stage}.{policy}.{task}.{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=folder_of_arm,
        tokenizer=lambda w: model_tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=lambda w: as_json(study.finetuning),
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
        search="results/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}/search.json",
    output:
        metrics="results/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}{stop}/seed-{seed}/metrics.json",
        predictions="results/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}{stop}/seed-{seed}/predictions.arrow",
    log:
        "results/logs/finetune/{model}.{stage}.{policy}.{task}.{pretraining_seed}{stop}.{seed}.log",
    benchmark:
        "results/benchmarks/finetune/{model}.{stage}.{policy}.{task}.{pretraining_seed}{stop}.{seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=folder_of_arm,
        tokenizer=lambda w: model_tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=lambda w: as_json(study.finetuning),
        generation=as_json(study.generation),
        step=lambda w: w.stop.replace("/step-", "--step "),
        metrics=lambda w: [f"--metric {metric}" for metric in study.tasks[w.task].metrics],
        folder=subpath(output.metrics, parent=True),
    message:
        "Fine-tune on {wildcards.task} after {wildcards.policy}, seed {wildcards.seed}"
    shell:
        "maskpolicy finetune --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --task {params.task:q} --search {input.search:q} --finetuning {params.finetuning:q}"
        " --generation {params.generation:q} {params.metrics} --model-name {wildcards.model:q}"
        " --policy {wildcards.policy:q} --task-name {wildcards.task:q}"
        " --pretraining-seed {wildcards.pretraining_seed} --seed {wildcards.seed} {params.step}"
        " --output {params.folder:q}"
        " 2>&1 | tee {log:q}"
