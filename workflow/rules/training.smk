# initial checkpoint -> general pre-training -> intermediate pre-training -> fine-tuning


def pretraining(w):
    return plan.pretraining(w.model, w.pretraining_seed, w.get("stage", "general"), w.get("policy"))


def finetuned(w):
    return plan.checkpoint_of_arm(w.model, w.pretraining_seed, w.stage, w.policy, w.get("stop", ""))


rule initialise_model:
    input:
        tokenizer=lambda w: f"{plan.tokenizer(w.model)}/tokenizer.json",
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


rule pretrain_intermediate:
    input:
        checkpoint=lambda w: pretraining(w).start.manifest,
        masks=lambda w: pretraining(w).mask_manifests,
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
        checkpoint=lambda w: pretraining(w).start.folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        shards=lambda w: pretraining(w).shards,
        masks=lambda w: pretraining(w).masks,
        objective=lambda w: as_json(pretraining(w).policy.objective),
        copies=lambda w: pretraining(w).policy.copies,
        stage=lambda w: as_json(pretraining(w).stage),
        # Outside the declared outputs: Snakemake deletes those when a job fails.
        state="results/states/{model}.{stage}.{policy}.{pretraining_seed}",
        title="{policy}",
        folder=subpath(output.manifest, parent=True),
    message:
        "Pre-train {wildcards.model} ({wildcards.stage}) with {wildcards.policy}"
    shell:
        "maskpolicy pretrain --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --masks {params.masks:q} --objective {params.objective:q} --copies {params.copies}"
        " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
        " --title {params.title:q} --state {params.state:q} --output {params.folder:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"


if study.general:

    use rule pretrain_intermediate as pretrain_general with:
        output:
            weights="results/models/{model}/general/seed-{pretraining_seed}/model.safetensors",
            manifest="results/models/{model}/general/seed-{pretraining_seed}/manifest.json",
        log:
            "results/logs/pretrain_general/{model}.{pretraining_seed}.log",
        benchmark:
            "results/benchmarks/pretrain_general/{model}.{pretraining_seed}.tsv"
        params:
            state="results/states/{model}.general.{pretraining_seed}",
            title="general",
        message:
            "Pre-train {wildcards.model} (general, seed {wildcards.pretraining_seed})"


rule search_finetuning:
    input:
        checkpoint=lambda w: finetuned(w).manifest,
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
        checkpoint=lambda w: finetuned(w).folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        task=subpath(input.task, parent=True),
        # What is kept is no matter of the search, which need not be repeated for it.
        finetuning=lambda w: as_json(plan.finetuning(w.task).model_copy(update={"keep": False})),
        generation=lambda w: as_json(plan.generation(w.task)),
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
        checkpoint=lambda w: finetuned(w).manifest,
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
        checkpoint=lambda w: finetuned(w).folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=lambda w: as_json(plan.finetuning(w.task)),
        generation=lambda w: as_json(plan.generation(w.task)),
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
