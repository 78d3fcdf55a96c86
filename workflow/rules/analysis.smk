# what lies beside the tables: scores on the way, held-out losses, costs, the sweep over K, what arms
# mask; gradients under many masks


# All checkpoints of an arm in one job, because a job takes longer to start than to measure.
rule measure_held_out:
    input:
        checkpoint=lambda w: finetuned(w).manifest,
        masks=lambda w: plan.held_out(w.model, w.stage).mask_manifests,
    output:
        "<results>/held-out/{model}/{stage}/{policy}/seed-{pretraining_seed}.json",
    log:
        "<logs>/measure_held_out/{model}/{stage}/{policy}/{pretraining_seed}.log",
    benchmark:
        "<benchmarks>/measure_held_out/{model}/{stage}/{policy}/{pretraining_seed}.tsv"
    wildcard_constraints:
        stage=any_of(stage for stage, record in study.intermediate.items() if record.held_out),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
    params:
        checkpoint=lambda w: finetuned(w).folder,
        tokenizer=lambda w: plan.tokenizer(w.model),
        shards=lambda w: plan.held_out(w.model, w.stage).shards,
        masks=lambda w: plan.held_out(w.model, w.stage).masks,
        objective=lambda w: as_json(plan.held_out(w.model, w.stage).objective),
        steps=lambda w: 0 if w.policy == NO_POLICY else study.intermediate[w.stage].steps,
        stops=lambda w: [
            f"--stop={step}" for step in study.intermediate[w.stage].stops if w.policy != NO_POLICY
        ],
        seed=study.seeds.masking,
    message:
        "Measure {wildcards.policy} on held-out text"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy measure-held-out --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --masks {params.masks:q}"
        " --objective {params.objective:q} --steps {params.steps} {params.stops}"
        " --policy {wildcards.policy:q} --pretraining-seed {wildcards.pretraining_seed}"
        " --seed {params.seed} --output {output:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"


rule collect_held_out:
    input:
        lambda w: tables[w.table].held_out,
    output:
        "<results>/analysis/{table}/held-out-loss.csv",
    log:
        "<logs>/collect_held_out/{table}.log",
    benchmark:
        "<benchmarks>/collect_held_out/{table}.tsv"
    wildcard_constraints:
        table=any_of(table for table in study.tables if tables[table].held_out),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        start=lambda w: tables[w.table].general_steps,
    message:
        "Collect held-out losses ({wildcards.table})"
    shell:
        "maskpolicy collect-held-out --start {params.start} --output {output:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule draw_learning_efficiency:
    input:
        runs=lambda w: tables[w.table].runs_on_the_way,
        held_out=lambda w: tables[w.table].held_out,
        files="<results>/tables/{table}.files.json",
        costs="<results>/analysis/{table}/costs.csv",
    output:
        multiext("<results>/analysis/{table}/learning-efficiency", ".csv", "-saved.csv", ".png"),
        svg=report(
            "<results>/analysis/{table}/learning-efficiency.svg",
            caption="../report/learning_efficiency.rst",
            category="{table}",
            labels={"shows": "scores on the way"},
        ),
    log:
        "<logs>/draw_learning_efficiency/{table}.log",
    benchmark:
        "<benchmarks>/draw_learning_efficiency/{table}.tsv"
    wildcard_constraints:
        table=any_of(tables.of_one_stage),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        start=lambda w: tables[w.table].general_steps,
        steps=lambda w: tables[w.table].stage.steps,
        held_out=lambda w: [f"--held-out={path}" for path in tables[w.table].held_out],
    message:
        "Draw scores against steps ({wildcards.table})"
    shell:
        "maskpolicy draw-learning-efficiency --costs {input.costs:q} --start {params.start}"
        " --steps {params.steps} {params.held_out:q} --folder {params.folder:q} {input.files:q}"
        " 2>&1 | tee {log:q}"


rule draw_general_stops:
    input:
        lambda w: expand(
            "<results>/analysis/{table}/{of}.csv",
            table=tables.joint[w.tables],
            of=["learning-efficiency", "costs"],
        ),
    output:
        multiext("<results>/analysis/{tables}/learning-efficiency", ".csv", "-saved.csv", ".png"),
        svg=report(
            "<results>/analysis/{tables}/learning-efficiency.svg",
            caption="../report/general_stops.rst",
            category="general pre-training",
            labels={"tables": "{tables}", "shows": "scores on the way"},
        ),
    log:
        "<logs>/draw_general_stops/{tables}.log",
    benchmark:
        "<benchmarks>/draw_general_stops/{tables}.tsv"
    wildcard_constraints:
        tables=any_of(tables.joint),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        tables=lambda w: as_json(tables.stopped(w.tables)),
    message:
        "Draw scores against all steps ({wildcards.tables})"
    shell:
        "maskpolicy draw-general-stops --tables {params.tables:q} --folder {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule draw_costs:
    input:
        checkpoints=lambda w: tables[w.table].checkpoints,
        files="<results>/tables/{table}.files.json",
    output:
        multiext("<results>/analysis/{table}/costs", ".csv", ".png"),
        svg=report(
            "<results>/analysis/{table}/costs.svg",
            caption="../report/costs.rst",
            category="{table}",
            labels={"shows": "costs"},
        ),
    log:
        "<logs>/draw_costs/{table}.log",
    benchmark:
        "<benchmarks>/draw_costs/{table}.tsv"
    wildcard_constraints:
        table=any_of(tables.of_one_stage),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
    message:
        "Draw what arms cost ({wildcards.table})"
    shell:
        "maskpolicy draw-costs --folder {params.folder:q} {input.files:q} 2>&1 | tee {log:q}"


rule draw_mask_sweep:
    input:
        "<results>/tables/{table}.significance.json",
    output:
        multiext("<results>/analysis/{table}/mask-sweep", ".csv", ".png"),
        svg=report(
            "<results>/analysis/{table}/mask-sweep.svg",
            caption="../report/mask_sweep.rst",
            category="{table}",
            labels={"shows": "scores by K"},
        ),
    log:
        "<logs>/draw_mask_sweep/{table}.log",
    benchmark:
        "<benchmarks>/draw_mask_sweep/{table}.tsv"
    wildcard_constraints:
        table=any_of(tables.of_one_stage),
    conda:
        "../../envs/maskpolicy.yaml"
    params:
        folder=subpath(output.svg, parent=True),
        masks=lambda w: as_json(tables[w.table].masks_of_explored),
    message:
        "Draw scores against the number of masks ({wildcards.table})"
    shell:
        "maskpolicy draw-mask-sweep --masks {params.masks:q} --folder {params.folder:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule measure_gradient_variance:
    input:
        checkpoint=lambda w: plan.first_start(study.variance[w.analysis]).manifest,
        shards=lambda w: plan.shards_of_analysis(w.analysis),
    output:
        multiext("<results>/analysis/{analysis}/covariance-distribution", ".csv", ".png"),
        multiext("<results>/analysis/{analysis}/covariance-by-distance", ".csv", ".png"),
        multiext("<results>/analysis/{analysis}/variance-by-masks", ".csv", ".png"),
        report(
            "<results>/analysis/{analysis}/covariance-distribution.svg",
            caption="../report/covariance_distribution.rst",
            category="gradient variance",
            labels={"analysis": "{analysis}", "shows": "covariances of pairs"},
        ),
        report(
            "<results>/analysis/{analysis}/covariance-by-distance.svg",
            caption="../report/covariance_by_distance.rst",
            category="gradient variance",
            labels={"analysis": "{analysis}", "shows": "covariance by distance"},
        ),
        report(
            "<results>/analysis/{analysis}/variance-by-masks.svg",
            caption="../report/variance_by_masks.rst",
            category="gradient variance",
            labels={"analysis": "{analysis}", "shows": "variance by number of masks"},
        ),
        manifest="<results>/analysis/{analysis}/manifest.json",
    log:
        "<logs>/measure_gradient_variance/{analysis}.log",
    benchmark:
        "<benchmarks>/measure_gradient_variance/{analysis}.tsv"
    wildcard_constraints:
        analysis=any_of(study.variance),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
        gpu=GPUS,
    params:
        checkpoint=lambda w: plan.first_start(study.variance[w.analysis]).folder,
        tokenizer=lambda w: plan.tokenizer(study.variance[w.analysis].model),
        shards=lambda w, input: os.path.dirname(input.shards[0]),
        variance=lambda w: as_json(study.variance[w.analysis]),
        seed=study.seeds.masking,
        folder=subpath(output.manifest, parent=True),
    message:
        "Measure gradients under many masks ({wildcards.analysis})"
    shell:
        "MASKPOLICY_GPUS={resources.gpu} maskpolicy measure-gradient-variance --checkpoint {params.checkpoint:q}"
        " --tokenizer {params.tokenizer:q} --variance {params.variance:q} --seed {params.seed}"
        " --title {wildcards.analysis:q} --output {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"


# From masks and annotations alone: long before anything is trained.
rule analyse_masks:
    input:
        masks=lambda w: tables[w.table].masks,
        annotations=lambda w: tables[w.table].annotation_manifests,
    output:
        multiext("<results>/analysis/{table}/masked-parts-of-speech", ".csv", ".png"),
        multiext("<results>/analysis/{table}/masked-entities", ".csv", ".png"),
        multiext("<results>/analysis/{table}/mask-frequency", ".csv", ".png", "-slopes.csv"),
        multiext("<results>/analysis/{table}/mask-overlap", ".csv", ".png"),
        multiext("<results>/analysis/{table}/mask-budget", ".csv", ".png"),
        report(
            "<results>/analysis/{table}/masked-entities.svg",
            caption="../report/masked_entities.rst",
            category="{table}",
            labels={"shows": "entities masked"},
        ),
        report(
            "<results>/analysis/{table}/mask-frequency.svg",
            caption="../report/mask_frequency.rst",
            category="{table}",
            labels={"shows": "masking by token frequency"},
        ),
        report(
            "<results>/analysis/{table}/mask-overlap.svg",
            caption="../report/mask_overlap.rst",
            category="{table}",
            labels={"shows": "overlap of masks"},
        ),
        report(
            "<results>/analysis/{table}/mask-budget.svg",
            caption="../report/mask_budget.rst",
            category="{table}",
            labels={"shows": "budgets of masks"},
        ),
        svg=report(
            "<results>/analysis/{table}/masked-parts-of-speech.svg",
            caption="../report/masked_parts_of_speech.rst",
            category="{table}",
            labels={"shows": "parts of speech masked"},
        ),
    log:
        "<logs>/analyse_masks/{table}.log",
    benchmark:
        "<benchmarks>/analyse_masks/{table}.tsv"
    wildcard_constraints:
        table=any_of(table for table in study.tables if study.tables[table].mask_analysis),
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        shards=lambda w: tables[w.table].shards,
        masks=lambda w: [f"--masks={folder}" for folder in tables[w.table].mask_folders],
        annotations=lambda w: tables[w.table].annotations,
        tokenizer=lambda w: plan.tokenizer(tables[w.table].model),
        analysis=lambda w: as_json(study.tables[w.table].mask_analysis),
        epochs=lambda w: tables[w.table].stage.mask_epochs,
        seed=study.seeds.masking,
        corpus=lambda w: tables[w.table].stage.corpus,
        policies=lambda w: as_json(tables[w.table].decided_by),
        folder=subpath(output.svg, parent=True),
    message:
        "Analyse what arms mask ({wildcards.table})"
    shell:
        "maskpolicy analyse-masks {params.masks:q} --annotations {params.annotations:q}"
        " --tokenizer {params.tokenizer:q} --analysis {params.analysis:q} --epochs {params.epochs}"
        " --seed {params.seed} --corpus {params.corpus:q} --policies {params.policies:q}"
        " --title {wildcards.table:q} --folder {params.folder:q} {params.shards:q}"
        " 2>&1 | tee {log:q}"
