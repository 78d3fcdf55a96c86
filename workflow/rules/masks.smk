# token shards (+ annotations, + statistics) -> decisions, offline, for every policy and epoch


def mask_epochs(corpus, policy):
    """How many masks of each row are read: of a corpus by stages with a policy or its control."""
    arms = {(study.stage_of(table), arm) for table in study.tables.values() for arm in table.arms}
    arms |= {
        (analysis.start.stage, analysis.start.policy)
        for analysis in study.variance.values()
        if isinstance(analysis.start, ArmCheckpoint)
    }
    stages = [study.intermediate[s] for s, arm in arms if arm.removesuffix(CONTROL) == policy]
    if study.general and study.general.policy.removesuffix(CONTROL) == policy:
        stages.append(study.general)
    # An arm that nothing asks for may be run by hand in any stage.
    some, every = (
        [stage.mask_epochs for stage in each if stage.corpus == corpus]
        for each in (stages, study.intermediate.values())
    )
    return max(some or every, default=1)


def shard_annotations(wildcards):
    if not study.policies[wildcards.policy].decide.needs_annotations:
        return []
    return (
        f"results/corpora/{wildcards.corpus}/{wildcards.tokenizer}"
        f"/annotations/shard-{wildcards.shard}.json"
    )


def corpus_statistics(wildcards):
    return [
        f"results/corpora/{wildcards.corpus}/{wildcards.tokenizer}/statistics/{statistic}.arrow"
        for statistic in study.policies[wildcards.policy].decide.statistics
    ]


def trained_networks(wildcards):
    """The networks that a learned policy decides with."""
    networks = study.policies[wildcards.policy].decide.networks
    return [f"results/policies/{network}/manifest.json" for network in networks]


def mask_options(wildcards):
    """The options for what only some policies read."""
    corpus = f"results/corpora/{wildcards.corpus}/{wildcards.tokenizer}"
    options = []
    if shard_annotations(wildcards):
        options += ["--annotations", f"{corpus}/annotations/shard-{wildcards.shard}.arrow"]
    if corpus_statistics(wildcards):
        options += ["--statistics", f"{corpus}/statistics"]
    if trained_networks(wildcards):
        options += ["--networks", "results/policies"]
    return options


rule count_statistics:
    input:
        lambda w: [
            f"results/corpora/{w.corpus}/{w.tokenizer}/shard-{i}.json" for i in shards(w.corpus)
        ],
    output:
        "results/corpora/{corpus}/{tokenizer}/statistics/{statistic}.arrow",
    log:
        "results/logs/count_statistics/{corpus}.{tokenizer}.{statistic}.log",
    benchmark:
        "results/benchmarks/count_statistics/{corpus}.{tokenizer}.{statistic}.tsv"
    wildcard_constraints:
        statistic=any_of(STATISTICS),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        shards=lambda w: [
            f"results/corpora/{w.corpus}/{w.tokenizer}/shard-{i}.arrow" for i in shards(w.corpus)
        ],
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
        shard="results/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        annotations=shard_annotations,
        statistics=corpus_statistics,
        networks=trained_networks,
        own=lambda w: study.policies[w.policy].decide.files,
    output:
        "results/masks/{corpus}/{tokenizer}/{policy}/shard-{shard}.json",
    log:
        "results/logs/mask_shard/{corpus}.{tokenizer}.{policy}.{shard}.log",
    benchmark:
        "results/benchmarks/mask_shard/{corpus}.{tokenizer}.{policy}.{shard}.tsv"
    wildcard_constraints:
        policy=any_of(study.policies),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        gpu=lambda w: 1 if trained_networks(w) else 0,
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        options=mask_options,
        spec=lambda w: as_json(study.policies[w.policy].decide),
        seed=study.seeds.masking,
        epochs=lambda w: mask_epochs(w.corpus, w.policy),
    message:
        "Mask shard {wildcards.shard} of {wildcards.corpus} with {wildcards.policy}"
    shell:
        "maskpolicy mask-shard --shard {params.shard:q}.arrow {params.options:q}"
        " --policy {wildcards.policy:q} --spec {params.spec:q} --seed {params.seed}"
        " --epochs {params.epochs} --output {output:q}"
        " 2>&1 | tee {log:q}"


# From the policy's decisions and not from the policy, which may be a network that takes hours.
rule match_shard:
    input:
        shard="results/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
        decisions="results/masks/{corpus}/{tokenizer}/{policy}/shard-{shard}.json",
    output:
        f"results/masks/{{corpus}}/{{tokenizer}}/{{policy}}{CONTROL}/shard-{{shard}}.json",
    log:
        f"results/logs/match_shard/{{corpus}}.{{tokenizer}}.{{policy}}{CONTROL}.{{shard}}.log",
    benchmark:
        f"results/benchmarks/match_shard/{{corpus}}.{{tokenizer}}.{{policy}}{CONTROL}.{{shard}}.tsv"
    wildcard_constraints:
        policy=any_of(study.policies),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        shard=subpath(input.shard, strip_suffix=".json"),
        policy=lambda w: w.policy + CONTROL,
        seed=study.seeds.masking,
        epochs=lambda w: mask_epochs(w.corpus, w.policy),
    message:
        "Match the masks of {wildcards.policy} at random places (shard {wildcards.shard})"
    shell:
        "maskpolicy match-shard --shard {params.shard:q}.arrow --decisions {input.decisions:q}"
        " --policy {params.policy:q} --seed {params.seed} --epochs {params.epochs} --output {output:q}"
        " 2>&1 | tee {log:q}"
