# initial checkpoint -> general pre-training -> intermediate pre-training -> fine-tuning


def pretraining(w):
    return plan.pretraining(w.model, w.pretraining_seed, w.get("stage", "general"), w.get("policy"))


def finetuned(w):
    return plan.checkpoint_of_arm(w.model, w.pretraining_seed, w.stage, w.policy, w.get("stop", ""))


def refuse_processes(key, stage, rulename):
    """Not every trainer takes as many as a profile gives its rule: one on each GPU, and each node."""
    resources = workflow.get_rule(rulename).resources
    try:
        stage.refuse_processes(max(number(resources, "gpu"), number(resources, "nodes")))
    except InputError as error:
        raise WorkflowError(f"{key}: {error}") from None


rule initialise_model:
    input:
        tokenizer=lambda w: f"{plan.tokenizer(w.model)}/tokenizer.json",
        pretrained=lambda w: study.files_read("models", w.model),
    output:
        weights="<results>/models/{model}/initial/seed-{pretraining_seed}/model.safetensors",
        manifest="<results>/models/{model}/initial/seed-{pretraining_seed}/manifest.json",
    log:
        "<logs>/initialise_model/{model}/{pretraining_seed}.log",
    benchmark:
        "<benchmarks>/initialise_model/{model}/{pretraining_seed}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
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
        weights="<results>/models/{model}/{stage}/{policy}/seed-{pretraining_seed}/model.safetensors",
        manifest="<results>/models/{model}/{stage}/{policy}/seed-{pretraining_seed}/manifest.json",
    log:
        "<logs>/pretrain_intermediate/{model}/{stage}/{policy}/{pretraining_seed}.log",
    benchmark:
        "<benchmarks>/pretrain_intermediate/{model}/{stage}/{policy}/{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
        nodes=1,
    params:
        checkpoint=lambda w: pretraining(w).start.folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        shards=lambda w: pretraining(w).shards,
        masks=lambda w: pretraining(w).masks,
        objective=lambda w: as_json(pretraining(w).policy.objective),
        copies=lambda w: pretraining(w).policy.copies,
        stage=lambda w: as_json(pretraining(w).stage),
        # Outside the declared outputs: Snakemake deletes those when a job fails.
        state=lambda w: plan.state("models", w.model, w.stage, w.policy, w.pretraining_seed),
        title="{policy}",
        folder=subpath(output.manifest, parent=True),
    message:
        "Pre-train {wildcards.model} ({wildcards.stage}) with {wildcards.policy}"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy pretrain"
        " --processes {resources.gpu} --nodes {resources.nodes}"
        " --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --masks {params.masks:q} --objective {params.objective:q} --copies {params.copies}"
        " --stage {params.stage:q} --seed {wildcards.pretraining_seed}"
        " --title {params.title:q} --state {params.state:q} --output {params.folder:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"


if study.general:

    use rule pretrain_intermediate as pretrain_general with:
        output:
            weights="<results>/models/{model}/general/seed-{pretraining_seed}/model.safetensors",
            manifest="<results>/models/{model}/general/seed-{pretraining_seed}/manifest.json",
        log:
            "<logs>/pretrain_general/{model}/{pretraining_seed}.log",
        benchmark:
            "<benchmarks>/pretrain_general/{model}/{pretraining_seed}.tsv"
        params:
            state=lambda w: plan.state("models", w.model, "general", w.pretraining_seed),
            title="general",
        message:
            "Pre-train {wildcards.model} (general, seed {wildcards.pretraining_seed})"

    refuse_processes("general", study.general, "pretrain_general")


for name, record in study.intermediate.items():
    refuse_processes(f"intermediate.{name}", record, "pretrain_intermediate")


def state_of_runs(w):
    pretraining = f"pretraining-{w.pretraining_seed}{w.get('stop', '')}"
    return plan.state("runs", w.model, w.stage, w.policy, w.task, pretraining)


def of_each_seed(file):
    """A file of the runs of every fine-tuning seed, the other wildcards left as they are."""
    folder = "<results>/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}{stop}"
    return expand(f"{folder}/seed-{{seed}}/{file}", seed=study.seeds.finetuning, allow_missing=True)


# Before anything is trained: it takes the checkpoint that all arms of a model have in common.
rule count_cuts:
    input:
        checkpoint=lambda w: plan.start(w.model, study.seeds.pretraining[0], "initial").manifest,
        task="<results>/tasks/{task}/manifest.json",
    output:
        "<results>/cuts/{model}/{task}.json",
    log:
        "<logs>/count_cuts/{model}/{task}.log",
    benchmark:
        "<benchmarks>/count_cuts/{model}/{task}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        checkpoint=subpath(input.checkpoint, parent=True),
        tokenizer=lambda w: plan.tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=lambda w: as_json(plan.finetuning(w.model, w.task)),
        generation=lambda w: as_json(plan.generation(w.task)),
    message:
        "Count what {wildcards.model} does not read of {wildcards.task}"
    shell:
        "maskpolicy count-cuts --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --task {params.task:q} --task-name {wildcards.task:q} --finetuning {params.finetuning:q}"
        " --generation {params.generation:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule search_finetuning:
    input:
        checkpoint=lambda w: finetuned(w).manifest,
        task="<results>/tasks/{task}/manifest.json",
    output:
        "<results>/runs/{model}/{stage}/{policy}/{task}/pretraining-{pretraining_seed}/search.json",
    log:
        "<logs>/search_finetuning/{model}/{stage}/{policy}/{task}/{pretraining_seed}.log",
    benchmark:
        "<benchmarks>/search_finetuning/{model}/{stage}/{policy}/{task}/{pretraining_seed}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
        searches=1,
    params:
        checkpoint=lambda w: finetuned(w).folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        task=subpath(input.task, parent=True),
        # What is kept is no matter of the search, which need not be repeated for it.
        finetuning=lambda w: as_json(
            plan.finetuning(w.model, w.task).model_copy(update={"keep": False})
        ),
        generation=lambda w: as_json(plan.generation(w.task)),
        metric=lambda w: study.tasks[w.task].metrics[0],
        seed=study.seeds.finetuning[0],
        state=lambda w: state_of_runs(w),
    message:
        "Search the settings of {wildcards.task} after {wildcards.policy}"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy search-finetuning --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --task {params.task:q}"
        " --finetuning {params.finetuning:q} --generation {params.generation:q}"
        " --metric {params.metric:q} --seed {params.seed} --title {wildcards.policy:q}"
        " --state {params.state:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


# The runs of all seeds in one job: it takes as long to start as a small model to learn.
rule finetune:
    input:
        checkpoint=lambda w: finetuned(w).manifest,
        task="<results>/tasks/{task}/manifest.json",
        search=lambda w: plan.search(w.model, w.stage, w.policy, w.task, w.pretraining_seed),
    output:
        # Not the predictions that they vouch for, which Snakemake would remove: those that are made of the
        # same are kept, so that a seed more is one run more.
        manifests=of_each_seed("manifest.json"),
    log:
        "<logs>/finetune/{model}/{stage}/{policy}/{task}/{pretraining_seed}{stop}.log",
    benchmark:
        "<benchmarks>/finetune/{model}/{stage}/{policy}/{task}/{pretraining_seed}{stop}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
    params:
        checkpoint=lambda w: finetuned(w).folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        task=subpath(input.task, parent=True),
        finetuning=lambda w: as_json(plan.finetuning(w.model, w.task)),
        generation=lambda w: as_json(plan.generation(w.task)),
        step=lambda w: w.stop.replace("/step-", "--step "),
        metric=lambda w: study.tasks[w.task].metrics[0],
        state=lambda w: state_of_runs(w),
        runs=lambda w, output: [
            f"--run={seed}={os.path.dirname(manifest)}"
            for seed, manifest in zip(study.seeds.finetuning, output.manifests)
        ],
    message:
        "Fine-tune on {wildcards.task} after {wildcards.policy}"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy finetune --checkpoint {params.checkpoint:q} --tokenizer {params.tokenizer:q}"
        " --task {params.task:q} --search {input.search:q} --finetuning {params.finetuning:q}"
        " --generation {params.generation:q} --metric {params.metric:q} --model-name {wildcards.model:q}"
        " --policy {wildcards.policy:q} --task-name {wildcards.task:q}"
        " --pretraining-seed {wildcards.pretraining_seed} {params.runs:q} {params.step}"
        " --state {params.state:q}"
        " 2>&1 | tee {log:q}"
