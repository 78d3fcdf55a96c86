# token shards (+ annotations, + statistics) -> decisions, offline, for every policy and epoch


rule count_statistics:
    input:
        lambda w: plan.token_shards(w.corpus, w.tokenizer),
    output:
        "<results>/corpora/{corpus}/{tokenizer}/statistics/{statistic}.arrow",
    log:
        "<logs>/count_statistics/{corpus}/{tokenizer}/{statistic}.log",
    benchmark:
        "<benchmarks>/count_statistics/{corpus}/{tokenizer}/{statistic}.tsv"
    wildcard_constraints:
        statistic=any_of(STATISTICS),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        shards=lambda w: plan.tokens(w.corpus, w.tokenizer),
    message:
        "Count the {wildcards.statistic} of {wildcards.corpus}"
    shell:
        "maskpolicy count-statistics --statistic {wildcards.statistic} --output {output:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"


# The policies that decide with a network: a shard of them takes long, and a GPU.
LEARNED = [name for name, policy in study.policies.items() if policy.decide.networks]


def maskers(w):
    """Shards are masked by so many processes, to the same decisions."""
    return plan.maskers(w.corpus)


# All shards of a corpus in one job, because a job costs more than a mask. The decisions of a shard lie
# beside its manifest `shard-{shard}.json` as epoch-{e}/shard-{shard}.arrow. Not declared, or Snakemake
# would remove them: those that are made of the same are kept, so that an interrupted job goes on.
rule mask_corpus:
    input:
        shards=lambda w: plan.token_shards(w.corpus, w.tokenizer),
        annotations=lambda w: plan.annotations_read(w.corpus, w.tokenizer, w.policy),
        statistics=lambda w: plan.statistics_read(w.corpus, w.tokenizer, w.policy),
        own=lambda w: study.policies[w.policy].decide.files,
    output:
        "<results>/masks/{corpus}/{tokenizer}/{policy}/manifest.json",
    log:
        "<logs>/mask_corpus/{corpus}/{tokenizer}/{policy}.log",
    benchmark:
        "<benchmarks>/mask_corpus/{corpus}/{tokenizer}/{policy}.tsv"
    wildcard_constraints:
        policy=any_of(name for name in study.policies if name not in LEARNED),
    conda:
        "../../envs/maskpolicy.yaml"
    threads: maskers
    resources:
        **NEEDS,
    params:
        shards=lambda w: plan.tokens(w.corpus, w.tokenizer),
        annotations=lambda w, input: [
            f"--annotations={folder}" for folder in {*map(os.path.dirname, input.annotations)}
        ],
        statistics=lambda w: plan.statistics(w.corpus, w.tokenizer),
        spec=lambda w: as_json(study.policies[w.policy].decide),
        seed=study.seeds.masking,
        epochs=lambda w: plan.mask_epochs(w.corpus, w.policy),
        folder=subpath(output[0], parent=True),
    message:
        "Mask {wildcards.corpus} with {wildcards.policy}"
    shell:
        "maskpolicy mask-corpus {params.annotations:q} --statistics {params.statistics:q}"
        " --corpus {wildcards.corpus:q} --policy {wildcards.policy:q} --spec {params.spec:q}"
        " --seed {params.seed} --epochs {params.epochs} --processes {threads}"
        " --output {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"


# By a network: a job a shard, all epochs of it.
rule mask_shard:
    input:
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        annotations=lambda w: plan.shard_annotations(
            w.corpus, w.tokenizer, w.policy, w.shard, "json"
        ),
        statistics=lambda w: plan.statistics_read(w.corpus, w.tokenizer, w.policy),
        networks=lambda w: expand(
            "<results>/networks/{network}/manifest.json",
            network=study.policies[w.policy].decide.networks,
        ),
        own=lambda w: study.policies[w.policy].decide.files,
    output:
        "<results>/masks/{corpus}/{tokenizer}/{policy}/shard-{shard}.json",
    log:
        "<logs>/mask_shard/{corpus}/{tokenizer}/{policy}/{shard}.log",
    benchmark:
        "<benchmarks>/mask_shard/{corpus}/{tokenizer}/{policy}/{shard}.tsv"
    wildcard_constraints:
        policy=any_of(LEARNED),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=1,
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        annotations=lambda w: [
            f"--annotations={path}"
            for path in plan.shard_annotations(w.corpus, w.tokenizer, w.policy, w.shard)
        ],
        statistics=lambda w: plan.statistics(w.corpus, w.tokenizer),
        networks=f"{study.results}/networks",
        spec=lambda w: as_json(study.policies[w.policy].decide),
        seed=study.seeds.masking,
        epochs=lambda w: plan.mask_epochs(w.corpus, w.policy),
    message:
        "Mask shard {wildcards.shard} of {wildcards.corpus} with {wildcards.policy}"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy mask-shard --shard {params.shard:q}.arrow {params.annotations:q}"
        " --statistics {params.statistics:q} --networks {params.networks:q}"
        " --corpus {wildcards.corpus:q} --policy {wildcards.policy:q} --spec {params.spec:q}"
        " --seed {params.seed} --epochs {params.epochs} --output {output:q}"
        " 2>&1 | tee {log:q}"


# What every arm is measured with, whatever it was trained with.
rule mask_held_out:
    input:
        lambda w: plan.token_shards(w.corpus, w.tokenizer),
    output:
        f"<results>/masks/{{corpus}}/{{tokenizer}}/{HELD_OUT}/manifest.json",
    log:
        "<logs>/mask_held_out/{corpus}/{tokenizer}.log",
    benchmark:
        "<benchmarks>/mask_held_out/{corpus}/{tokenizer}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    threads: maskers
    resources:
        **NEEDS,
    params:
        shards=lambda w: plan.tokens(w.corpus, w.tokenizer),
        policy=HELD_OUT,
        spec=as_json(HELD_OUT_MASKS),
        seed=study.seeds.masking,
        folder=subpath(output[0], parent=True),
    message:
        "Mask {wildcards.corpus} to measure losses on"
    shell:
        "maskpolicy mask-corpus --corpus {wildcards.corpus:q} --policy {params.policy:q}"
        " --spec {params.spec:q} --seed {params.seed} --epochs 1 --processes {threads}"
        " --output {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"


# From the policy's decisions and its record, and not by the policy, which may be a network that takes
# hours.
rule match_corpus:
    input:
        shards=lambda w: plan.token_shards(w.corpus, w.tokenizer),
        decisions=lambda w: plan.mask_manifests(w.corpus, w.tokenizer, w.policy),
    output:
        f"<results>/masks/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}/manifest.json",
    log:
        f"<logs>/match_corpus/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}.log",
    benchmark:
        f"<benchmarks>/match_corpus/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}.tsv"
    wildcard_constraints:
        policy=any_of(study.policies),
    conda:
        "../../envs/maskpolicy.yaml"
    threads: maskers
    resources:
        **NEEDS,
    params:
        shards=lambda w: plan.tokens(w.corpus, w.tokenizer),
        policy=lambda w: w.policy + CONTROL,
        matched=lambda w: plan.masks(w.corpus, w.tokenizer, w.policy),
        spec=lambda w: as_json(study.policies[w.policy].decide),
        seed=study.seeds.masking,
        epochs=lambda w: plan.mask_epochs(w.corpus, w.policy),
        folder=subpath(output[0], parent=True),
    message:
        "Match the masks of {wildcards.policy} at random places"
    shell:
        "maskpolicy match-corpus --matched {params.matched:q} --corpus {wildcards.corpus:q}"
        " --policy {params.policy:q} --spec {params.spec:q} --seed {params.seed}"
        " --epochs {params.epochs} --processes {threads} --output {params.folder:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"
