# token shards (+ annotations) -> decisions, offline, for every policy and epoch


def mask_epochs(corpus, policy):
    """How many masks of each row the stages that read this corpus with this policy ask for."""
    stages = [study.intermediate]
    if study.general and study.general.policy == policy:
        stages.append(study.general)
    return max(stage.mask_epochs for stage in stages if stage.corpus == corpus)


def shard_annotations(wildcards):
    if not annotations_needed(study.policy(wildcards.policy).decide):
        return []
    return (
        f"results/corpora/{wildcards.corpus}/{wildcards.tokenizer}"
        f"/annotations/shard-{wildcards.shard}.json"
    )


# All epochs of a shard in one job, because a job costs more than a mask. The decisions lie beside the
# manifest as epoch-{e}/shard-{shard}.arrow; the manifest is written last and lists them.
rule mask_shard:
    input:
        shard="results/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        annotations=shard_annotations,
    output:
        "results/masks/{corpus}/{tokenizer}/{policy}/shard-{shard}.json",
    log:
        "results/logs/mask_shard/{corpus}.{tokenizer}.{policy}.{shard}.log",
    benchmark:
        "results/benchmarks/mask_shard/{corpus}.{tokenizer}.{policy}.{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        spec=lambda w: as_json(study.policy(w.policy).decide),
        seed=study.seeds.masking,
        epochs=lambda w: mask_epochs(w.corpus, w.policy),
    message:
        "Mask shard {wildcards.shard} of {wildcards.corpus} with {wildcards.policy}"
    shell:
        "maskpolicy mask-shard --shard {input.shard:q} --annotations {input.annotations:q}"
        " --policy {wildcards.policy:q} --spec {params.spec:q} --seed {params.seed}"
        " --epochs {params.epochs} --output {output:q}"
        " 2>&1 | tee {log:q}"
