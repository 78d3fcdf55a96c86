# documents -> tokenizer -> token shards -> annotations


rule fetch_documents:
    output:
        documents="results/corpora/{corpus}/documents.arrow",
        manifest="results/corpora/{corpus}/documents.json",
    params:
        source=lambda w: as_json(study.corpora[w.corpus].documents),
    log:
        "results/logs/fetch_documents/{corpus}.log",
    benchmark:
        "results/benchmarks/fetch_documents/{corpus}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Fetch the documents of {wildcards.corpus}"
    shell:
        "maskpolicy fetch-documents --source {params.source:q} --output {output.documents:q}"
        " 2>&1 | tee {log:q}"


def tokenizer_sources(wildcards):
    spec = study.tokenizers[wildcards.tokenizer]
    if isinstance(spec, PretrainedTokenizer):
        return []
    return expand("results/corpora/{corpus}/documents.json", corpus=spec.train_on)


rule train_tokenizer:
    input:
        tokenizer_sources,
    output:
        tokenizer="results/tokenizers/{tokenizer}/tokenizer.json",
        special_tokens="results/tokenizers/{tokenizer}/special_tokens.json",
    params:
        spec=lambda w: as_json(study.tokenizers[w.tokenizer]),
        folder=subpath(output.tokenizer, parent=True),
    log:
        "results/logs/train_tokenizer/{tokenizer}.log",
    benchmark:
        "results/benchmarks/train_tokenizer/{tokenizer}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Prepare the tokenizer {wildcards.tokenizer}"
    shell:
        "maskpolicy train-tokenizer --spec {params.spec:q} --output {params.folder:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule shard_corpus:
    input:
        documents="results/corpora/{corpus}/documents.json",
        tokenizer="results/tokenizers/{tokenizer}/tokenizer.json",
    output:
        shard="results/corpora/{corpus}/{tokenizer}/shard-{shard}.arrow",
        manifest="results/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
    params:
        documents=subpath(input.documents, strip_suffix=".json"),
        tokenizer=subpath(input.tokenizer, parent=True),
        sequence_length=lambda w: study.corpora[w.corpus].sequence_length,
        shards=lambda w: study.corpora[w.corpus].shards,
    log:
        "results/logs/shard_corpus/{corpus}.{tokenizer}.{shard}.log",
    benchmark:
        "results/benchmarks/shard_corpus/{corpus}.{tokenizer}.{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Cut shard {wildcards.shard} of {wildcards.corpus} into token rows"
    shell:
        "maskpolicy shard-corpus --documents {params.documents:q}.arrow --tokenizer {params.tokenizer:q}"
        " --sequence-length {params.sequence_length} --shard {wildcards.shard}"
        " --shards {params.shards} --output {output.shard:q}"
        " 2>&1 | tee {log:q}"


rule annotate_shard:
    input:
        documents="results/corpora/{corpus}/documents.json",
        tokenizer="results/tokenizers/{tokenizer}/tokenizer.json",
        shard="results/corpora/{corpus}/{tokenizer}/shard-{shard}.json",
    output:
        annotations="results/corpora/{corpus}/{tokenizer}/annotations/shard-{shard}.arrow",
        manifest="results/corpora/{corpus}/{tokenizer}/annotations/shard-{shard}.json",
    params:
        documents=subpath(input.documents, strip_suffix=".json"),
        tokenizer=subpath(input.tokenizer, parent=True),
        shard=subpath(input.shard, strip_suffix=".json"),
    log:
        "results/logs/annotate_shard/{corpus}.{tokenizer}.{shard}.log",
    benchmark:
        "results/benchmarks/annotate_shard/{corpus}.{tokenizer}.{shard}.tsv"
    conda:
        "../../envs/maskpolicy.yaml"
    message:
        "Find entities and parts of speech in shard {wildcards.shard} of {wildcards.corpus}"
    shell:
        "maskpolicy annotate-shard --shard {params.shard:q}.arrow"
        " --documents {params.documents:q}.arrow --tokenizer {params.tokenizer:q}"
        " --output {output.annotations:q}"
        " 2>&1 | tee {log:q}"
