# documents -> tokenizer -> token shards -> annotations


# More find their disk, or the one that writes, too slow.
MOST_READERS = 16

# Each holds some 500 MB; a million tokens take one of them two minutes.
ANNOTATORS = 8


rule fetch_documents:
    input:
        lambda w: study.files_read("corpora", w.corpus),
    output:
        documents=directory("<results>/corpora/{corpus}/documents"),
        manifest="<results>/corpora/{corpus}/documents.json",
    log:
        "<logs>/fetch_documents/{corpus}.log",
    benchmark:
        "<benchmarks>/fetch_documents/{corpus}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    # Files are read by so many processes, to the same documents.
    threads: lambda w, input: max(1, min(len(input), MOST_READERS))
    resources:
        **NEEDS,
    params:
        source=lambda w: as_json(study.corpora[w.corpus].documents),
        limit=lambda w: as_json(study.corpora[w.corpus].limit),
        deduplicate=lambda w: "--deduplicate" if study.corpora[w.corpus].deduplicate else "",
    message:
        "Fetch the documents of {wildcards.corpus}"
    shell:
        "maskpolicy fetch-documents --source {params.source:q} --limit {params.limit:q}"
        " {params.deduplicate} --processes {threads} --output {output.documents:q}"
        " 2>&1 | tee {log:q}"


rule train_tokenizer:
    input:
        documents=lambda w: [
            f"{plan.documents(corpus)}.json" for corpus in plan.corpora_of(w.tokenizer)
        ],
        pretrained=lambda w: study.files_read("tokenizers", w.tokenizer),
    output:
        tokenizer="<results>/tokenizers/{tokenizer}/tokenizer.json",
        config="<results>/tokenizers/{tokenizer}/tokenizer_config.json",
    log:
        "<logs>/train_tokenizer/{tokenizer}.log",
    benchmark:
        "<benchmarks>/train_tokenizer/{tokenizer}.tsv"
    priority: FIRST
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        spec=lambda w: as_json(study.tokenizers[w.tokenizer]),
        documents=lambda w, input: [f.removesuffix(".json") for f in input.documents],
        folder=subpath(output.tokenizer, parent=True),
    message:
        "Prepare the tokenizer {wildcards.tokenizer}"
    shell:
        "maskpolicy train-tokenizer --spec {params.spec:q} --output {params.folder:q} {params.documents:q}"
        " 2>&1 | tee {log:q}"


rule shard_corpus:
    input:
        documents=lambda w: f"{plan.documents(w.corpus)}.json",
        tokenizer="<results>/tokenizers/{tokenizer}/tokenizer.json",
    output:
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.arrow",
        manifest="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
    log:
        "<logs>/shard_corpus/{corpus}/{tokenizer}/{shard}.log",
    benchmark:
        "<benchmarks>/shard_corpus/{corpus}/{tokenizer}/{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    resources:
        **NEEDS,
    params:
        documents=subpath(input.documents, strip_suffix=".json"),
        tokenizer=subpath(input.tokenizer, parent=True),
        sequence_length=lambda w: study.corpora[w.corpus].sequence_length,
        rows=lambda w: study.corpora[w.corpus].rows,
        shards=lambda w: study.corpora[w.corpus].shards,
    message:
        "Cut shard {wildcards.shard} of {wildcards.corpus} into token rows"
    shell:
        "maskpolicy shard-corpus --documents {params.documents:q} --tokenizer {params.tokenizer:q}"
        " --sequence-length {params.sequence_length} --shard {wildcards.shard}"
        " --shards {params.shards} --rows {params.rows} --output {output.shard:q}"
        " 2>&1 | tee {log:q}"


rule annotate_shard:
    input:
        documents=lambda w: f"{plan.documents(w.corpus)}.json",
        tokenizer="<results>/tokenizers/{tokenizer}/tokenizer.json",
        shard="<results>/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
    output:
        annotations="<results>/corpora/{corpus}/{tokenizer}/annotations/shard-{shard}.arrow",
        manifest="<results>/corpora/{corpus}/{tokenizer}/annotations/shard-{shard}.json",
    log:
        "<logs>/annotate_shard/{corpus}/{tokenizer}/{shard}.log",
    benchmark:
        "<benchmarks>/annotate_shard/{corpus}/{tokenizer}/{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    # Record batches are annotated by so many processes, to the same file.
    threads: ANNOTATORS
    resources:
        **NEEDS,
    params:
        documents=subpath(input.documents, strip_suffix=".json"),
        tokenizer=subpath(input.tokenizer, parent=True),
        shard=subpath(input.shard, strip_suffix=".json"),
        # Outside the declared outputs: Snakemake deletes those when a job fails.
        state=lambda w: plan.state("annotations", w.corpus, w.tokenizer, w.shard),
    message:
        "Find entities and parts of speech in shard {wildcards.shard} of {wildcards.corpus}"
    shell:
        "maskpolicy annotate-shard --shard {params.shard:q}.arrow"
        " --documents {params.documents:q} --tokenizer {params.tokenizer:q}"
        " --state {params.state:q} --processes {threads} --output {output.annotations:q}"
        " 2>&1 | tee {log:q}"
