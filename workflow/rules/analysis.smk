# checkpoint + token shards -> how the gradient varies with the mask


def start_of_analysis(wildcards, path):
    """The checkpoint that is measured: of the first pre-training seed."""
    analysis = study.variance[wildcards.analysis]
    start = analysis.start or study.default_start
    return path(analysis.model, study.seeds.pretraining[0], start)


def analysed_shards(wildcards, kind):
    """The token shards that gradients are measured on, or their manifests."""
    analysis = study.variance[wildcards.analysis]
    folder = f"results/corpora/{analysis.corpus}/{study.models[analysis.model].tokenizer}"
    return [f"{folder}/shard-{i}.{kind}" for i in shards(analysis.corpus)]


def variance_figure(name, shows):
    """A figure of the analysis as part of the report."""
    return report(
        f"results/analysis/{{analysis}}/{name}.svg",
        caption=f"../report/{name.replace('-', '_')}.rst",
        category="gradient variance",
        labels={"analysis": "{analysis}", "shows": shows},
    )


rule measure_gradient_variance:
    input:
        checkpoint=lambda w: start_of_analysis(w, start_manifest),
        shards=lambda w: analysed_shards(w, "json"),
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
        checkpoint=lambda w: start_of_analysis(w, start_folder),
        tokenizer=lambda w: model_tokenizer(study.variance[w.analysis].model),
        shards=lambda w: analysed_shards(w, "arrow"),
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
