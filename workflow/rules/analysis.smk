# what lies beside the tables: scores on the way, costs, the sweep over K, and gradients under many masks
from collections import defaultdict


def stops_of_table(table):
    """The steps after which checkpoints of a table's arms are kept."""
    return study.intermediate[study.stage_of(table)].stops


def general_steps(table):
    """After how many steps of the general stage a table's stage starts."""
    start = study.start_of(study.intermediate[study.stage_of(table)])
    if start == "initial":
        return 0
    return study.general.steps if start == "general" else start


def trained_arms(table):
    """The arms with intermediate pre-training."""
    return [arm for arm in table.arms if arm != NO_POLICY]


def masks_of_explored(table):
    """K of every fully-explored arm of a table."""
    policies = {arm: study.policies[arm].decide for arm in table.arms if arm in study.policies}
    return {arm: spec.masks for arm, spec in policies.items() if hasattr(spec, "masks")}


def runs_on_the_way(wildcards):
    """The runs of a table and those of the checkpoints that its arms kept on their way."""
    table = study.tables[wildcards.table]
    stops = [f"/step-{step}" for step in stops_of_table(table)]
    return runs_of_table(wildcards) + runs_of_arms(table, trained_arms(table), stops)


def cost_of_arm(table, arm):
    """The files that say what an arm cost before fine-tuning, as arguments."""
    stage = study.stage_of(table)
    corpus = study.intermediate[stage].corpus
    tokenizer = study.models[table.model].tokenizer
    policy, general = arm.removesuffix(CONTROL), general_steps(table)
    # A control's masks are its policy's, moved.
    masks = [("mask_shard", policy), *([("match_shard", arm)] if arm != policy else [])]
    return {
        "arm": arm,
        "general": [
            f"results/benchmarks/pretrain_general/{table.model}.{seed}.tsv"
            for seed in study.seeds.pretraining
            if general
        ],
        "general_share": general / study.general.steps if general else 0,
        "networks": {
            f"results/policies/{network}": f"results/benchmarks/train_policy/{network}.tsv"
            for network in study.policies[policy].decide.networks
        },
        "masking": [
            f"results/benchmarks/{rule}/{corpus}.{tokenizer}.{name}.{shard}.tsv"
            for rule, name in masks
            for shard in shards(corpus)
        ],
        "pretraining": [
            f"results/benchmarks/pretrain_intermediate/{table.model}.{stage}.{arm}.{seed}.tsv"
            for seed in study.seeds.pretraining
        ],
    }


def tables_by_start():
    """Tables alike but for the general checkpoint that they start from; with a joint name."""
    alike = defaultdict(list)
    for name, table in study.tables.items():
        if stops_of_table(table) and trained_arms(table):
            corpus = study.intermediate[study.stage_of(table)].corpus
            alike["+".join([table.model, corpus, *table.tasks])].append(name)
    starts = {
        joint: {general_steps(study.tables[t]) for t in some} for joint, some in alike.items()
    }
    return {joint: some for joint, some in alike.items() if 1 < len(some) == len(starts[joint])}


# The name has a sign that names of tables can't have.
joint_tables = tables_by_start()


def policy_at_any_start(arm):
    """What arms of joint tables have in common: the policy, but for where its networks start."""
    policy = study.policy(arm)
    return (
        policy.model_dump_json(exclude={"decide": {"network"}}),
        *(
            study.learned[network].model_dump_json(exclude={"start"})
            for network in policy.decide.networks
        ),
    )


def names_at_any_start(tables):
    """Arm -> the parts of its name that are the same for all arms with this policy."""
    alike = defaultdict(list)
    for arm in dict.fromkeys(arm for table in tables for arm in trained_arms(table)):
        alike[policy_at_any_start(arm), arm.endswith(CONTROL)].append(arm)
    names = {}
    for (_, control), arms in alike.items():
        parts = zip(*(arm.removesuffix(CONTROL).split("-") for arm in arms))
        name = "-".join(same[0] for same in parts if len(set(same)) == 1)
        names |= {arm: (name or arms[0]) + (CONTROL if control and name else "") for arm in arms}
    return names


def stopped_tables(joint):
    """What was drawn of each of the joint tables, as arguments."""
    tables = {name: study.tables[name] for name in joint_tables[joint]}
    names = names_at_any_start(tables.values())
    return [
        {
            "general_steps": general_steps(table),
            "curves": f"results/analysis/{name}/learning-efficiency.csv",
            "costs": f"results/analysis/{name}/costs.csv",
            "arms": {arm: names[arm] for arm in trained_arms(table)},
        }
        for name, table in tables.items()
    ]


def analyses_of_table(name):
    """What there is to draw beside a table."""
    table = study.tables[name]
    stops = len(stops_of_table(table)) > 0 and len(trained_arms(table)) > 0
    learned = any(study.policy(arm).decide.networks for arm in trained_arms(table))
    wanted = {
        "learning-efficiency": stops,
        "costs": stops or learned,
        "mask-sweep": len(set(masks_of_explored(table).values())) > 1,
    }
    figures = [f"{name}/{figure}" for figure, draws in wanted.items() if draws]
    joint = [
        f"{joint}/learning-efficiency" for joint in joint_tables if name in joint_tables[joint]
    ]
    return [f"results/analysis/{figure}.svg" for figure in figures + joint]


def table_figure(name, shows):
    """A figure beside a table as part of the report."""
    return report(
        f"results/analysis/{{table}}/{name}.svg",
        caption=f"../report/{name.replace('-', '_')}.rst",
        category="{table}",
        labels={"shows": shows},
    )


rule draw_learning_efficiency:
    input:
        runs=runs_on_the_way,
        costs="results/analysis/{table}/costs.csv",
    output:
        multiext("results/analysis/{table}/learning-efficiency", ".csv", "-saved.csv", ".png"),
        svg=table_figure("learning-efficiency", "scores on the way"),
    log:
        "results/logs/draw_learning_efficiency/{table}.log",
    benchmark:
        "results/benchmarks/draw_learning_efficiency/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        start=lambda w: general_steps(study.tables[w.table]),
        steps=lambda w: study.intermediate[study.stage_of(study.tables[w.table])].steps,
    message:
        "Draw scores against steps ({wildcards.table})"
    shell:
        "maskpolicy draw-learning-efficiency --costs {input.costs:q} --start {params.start}"
        " --steps {params.steps} --folder {params.folder:q} {input.runs:q}"
        " 2>&1 | tee {log:q}"


rule draw_general_stops:
    input:
        lambda w: expand(
            "results/analysis/{table}/{of}.csv",
            table=joint_tables[w.tables],
            of=["learning-efficiency", "costs"],
        ),
    output:
        multiext("results/analysis/{tables}/learning-efficiency", ".csv", "-saved.csv", ".png"),
        svg=report(
            "results/analysis/{tables}/learning-efficiency.svg",
            caption="../report/general_stops.rst",
            category="general pre-training",
            labels={"tables": "{tables}", "shows": "scores on the way"},
        ),
    log:
        "results/logs/draw_general_stops/{tables}.log",
    benchmark:
        "results/benchmarks/draw_general_stops/{tables}.tsv"
    wildcard_constraints:
        tables=any_of(joint_tables),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        tables=lambda w: json.dumps(stopped_tables(w.tables)),
    message:
        "Draw scores against all steps ({wildcards.tables})"
    shell:
        "maskpolicy draw-general-stops --tables {params.tables:q} --folder {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule draw_costs:
    input:
        lambda w: expand(
            "results/models/{model}/{stage}/{policy}/seed-{seed}/manifest.json",
            model=study.tables[w.table].model,
            stage=study.stage_of(study.tables[w.table]),
            policy=trained_arms(study.tables[w.table]),
            seed=study.seeds.pretraining,
        ),
    output:
        multiext("results/analysis/{table}/costs", ".csv", ".png"),
        svg=table_figure("costs", "costs"),
    log:
        "results/logs/draw_costs/{table}.log",
    benchmark:
        "results/benchmarks/draw_costs/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        arms=lambda w: json.dumps(
            [
                cost_of_arm(study.tables[w.table], arm)
                for arm in trained_arms(study.tables[w.table])
            ]
        ),
    message:
        "Draw what arms cost ({wildcards.table})"
    shell:
        "maskpolicy draw-costs --arms {params.arms:q} --folder {params.folder:q} 2>&1 | tee {log:q}"


rule draw_mask_sweep:
    input:
        "results/tables/{table}.significance.json",
    output:
        multiext("results/analysis/{table}/mask-sweep", ".csv", ".png"),
        svg=table_figure("mask-sweep", "scores by K"),
    log:
        "results/logs/draw_mask_sweep/{table}.log",
    benchmark:
        "results/benchmarks/draw_mask_sweep/{table}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        masks=lambda w: json.dumps(masks_of_explored(study.tables[w.table])),
    message:
        "Draw scores against the number of masks ({wildcards.table})"
    shell:
        "maskpolicy draw-mask-sweep --masks {params.masks:q} --folder {params.folder:q} {input:q}"
        " 2>&1 | tee {log:q}"


def variance_figure(name, shows):
    """A figure of the analysis as part of the report."""
    return report(
        f"results/analysis/{{analysis}}/{name}.svg",
        caption=f"../report/{name.replace('-', '_')}.rst",
        category="gradient variance",
        labels={"analysis": "{analysis}", "shows": shows},
    )


def analysed_shards(kind):
    """The token shards that gradients are measured on, or their manifests."""

    def paths(wildcards):
        analysis = study.variance[wildcards.analysis]
        return token_shards(analysis.corpus, analysis.model, kind)

    return paths


rule measure_gradient_variance:
    input:
        checkpoint=lambda w: first_start(study.variance[w.analysis], start_manifest),
        shards=analysed_shards("json"),
    output:
        multiext("results/analysis/{analysis}/covariance-distribution", ".csv", ".png"),
        multiext("results/analysis/{analysis}/covariance-by-distance", ".csv", ".png"),
        multiext("results/analysis/{analysis}/variance-by-masks", ".csv", ".png"),
        variance_figure("covariance-distribution", "covariances of pairs"),
        variance_figure("covariance-by-distance", "covariance by distance"),
        variance_figure("variance-by-masks", "variance by number of masks"),
        manifest="results/analysis/{analysis}/manifest.json",
    log:
        "results/logs/measure_gradient_variance/{analysis}.log",
    benchmark:
        "results/benchmarks/measure_gradient_variance/{analysis}.tsv"
    wildcard_constraints:
        analysis=any_of(study.variance),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        checkpoint=lambda w: first_start(study.variance[w.analysis], start_folder),
        tokenizer=lambda w: model_tokenizer(study.variance[w.analysis].model),
        shards=analysed_shards("arrow"),
        variance=lambda w: as_json(study.variance[w.analysis]),
        seed=study.seeds.masking,
        folder=subpath(output.manifest, parent=True),
    message:
        "Measure gradients under many masks ({wildcards.analysis})"
    shell:
        "maskpolicy measure-gradient-variance --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --variance {params.variance:q} --seed {params.seed}"
        " --title {wildcards.analysis:q} --output {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"
