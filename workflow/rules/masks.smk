# token shards (+ annotations, + statistics) -> decisions, offline, for every policy and epoch


rule count_statistics:
    input:
        lambda w: plan.token_shards(w.corpus, w.tokenizer, "json"),
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
    params:
        shards=lambda w: plan.token_shards(w.corpus, w.tokenizer),
    message:
        "Count the {wildcards.statistic} of {wildcards.corpus}"
    shell:
        "maskpolicy count-statistics --statistic {wildcards.statistic} --output {output:q}"
        " {params.shards:q}"
        " 2>&1 | tee {log:q}"


# All epochs of a shard in one job, because a job costs more than a mask. The decisions lie beside the
# manifest as epoch-{e}/shard-{shard}.arrow; the manifest is written last and lists them.
rule mask_shard:
    input:
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        annotations=lambda w: plan.shard_annotations(
            w.corpus, w.tokenizer, w.policy, w.shard, "json"
        ),
        statistics=lambda w: expand(
            "<results>/corpora/{corpus}/{tokenizer}/statistics/{statistic}.arrow",
            corpus=w.corpus,
            tokenizer=w.tokenizer,
            statistic=study.policies[w.policy].decide.statistics,
        ),
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
        policy=any_of(study.policies),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        gpu=lambda w: 1 if study.policies[w.policy].decide.networks else 0,
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        annotations=lambda w: [
            f"--annotations={path}"
            for path in plan.shard_annotations(w.corpus, w.tokenizer, w.policy, w.shard)
        ],
        statistics=lambda w: f"{study.results}/corpora/{w.corpus}/{w.tokenizer}/statistics",
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
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
    output:
        f"<results>/masks/{{corpus}}/{{tokenizer}}/{HELD_OUT}/shard-{{shard}}.json",
    log:
        "<logs>/mask_held_out/{corpus}/{tokenizer}/{shard}.log",
    benchmark:
        "<benchmarks>/mask_held_out/{corpus}/{tokenizer}/{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        policy=HELD_OUT,
        spec=as_json(HELD_OUT_MASKS),
        seed=study.seeds.masking,
    message:
        "Mask shard {wildcards.shard} of {wildcards.corpus} to measure losses on"
    shell:
        "maskpolicy mask-shard --shard {params.shard:q}.arrow --corpus {wildcards.corpus:q}"
        " --policy {params.policy:q} --spec {params.spec:q} --seed {params.seed} --epochs 1"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


# From the policy's decisions and its record, and not by the policy, which may be a network that takes
# hours.
rule match_shard:
    input:
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        decisions="<results>/masks/{corpus}/{tokenizer}/{policy}/shard-{shard}.json",
    output:
        f"<results>/masks/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}/shard-{{shard}}.json",
    log:
        f"<logs>/match_shard/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}/{{shard}}.log",
    benchmark:
        f"<benchmarks>/match_shard/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}/{{shard}}.tsv"
    wildcard_constraints:
        policy=any_of(study.policies),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        policy=lambda w: w.policy + CONTROL,
        spec=lambda w: as_json(study.policies[w.policy].decide),
        seed=study.seeds.masking,
        epochs=lambda w: plan.mask_epochs(w.corpus, w.policy),
    message:
        "Match the masks of {wildcards.policy} at random places (shard {wildcards.shard})"
    shell:
        "maskpolicy match-shard --shard {params.shard:q}.arrow --decisions {input.decisions:q}"
        " --corpus {wildcards.corpus:q} --policy {params.policy:q} --spec {params.spec:q}"
        " --seed {params.seed} --epochs {params.epochs} --output {output:q}"
        " 2>&1 | tee {log:q}"
